//! The words that tables and columns of user databases are named with, in seven languages.
//!
//! Data alone: lower case, without punctuation and accents (`ä` is `ae`, `é` is `e`); `names` brings a
//! name into that form. What a list calls plain says by itself what a column is; the rest is a hint.

/// Tables of users by the word itself; then those that could as well hold other people.
pub(super) const USERS: &[&str] = &[
    "user", "usr", "appuser", "sysuser", "systemuser", "benutzer", "nutzer", "anwender",
    "utilisateur", "usuario", "utente", "utenti", "utilizador", "utilizadore", "gebruiker",
];
pub(super) const PEOPLE: &[&str] = &[
    "account", "login", "employee", "staff", "people", "person", "member", "agent", "operator",
    "profile", "principal", "mitarbeiter", "personen", "konto", "konten", "compte", "personne",
    "salarie", "employe", "personnel", "cuenta", "empleado", "persona", "conta", "funcionario",
    "pessoa", "colaborador", "colaboradore", "dipendente", "dipendenti", "persone", "medewerker",
    "personeel", "persoon", "teilnehmer",
];
/// People whom an application knows, and who mostly aren't those who work with it.
pub(super) const OUTSIDE: &[&str] = &[
    "customer", "client", "contact", "guest", "visitor", "subscriber", "patient", "student",
    "adherent", "kunde", "kunden", "gast", "cliente", "klant", "klanten", "paciente", "visiteur",
    "socio", "lead", "supplier", "vendor", "lieferant", "fe",
];
/// Words behind `user` that say that a table holds something about users.
pub(super) const ABOUT: &[&str] = &[
    "group", "role", "session", "token", "log", "history", "pref", "preference", "meta",
    "attribute", "addres", "address", "email", "mail", "map", "mapping", "rel", "relation", "link",
    "permission", "right", "type", "category", "setting", "option", "notification", "archive",
    "backup", "bak", "tmp", "temp", "old", "audit", "request", "invitation", "invite", "signup",
    "registration", "import", "staging", "title", "field", "key", "param", "property", "info",
    "detail", "status", "stat", "tag", "team", "photo", "picture", "avatar", "device", "credential",
    "password", "ban", "block", "lock", "version", "revision", "deleted", "pending", "consent",
    "identity", "membership", "message", "gruppe", "gruppen", "rolle", "rollen", "groupe", "grupo",
    "gruppi", "groep", "groepen", "customer", "class", "course", "project", "access", "activity",
    "badge", "score", "note", "comment", "post", "visit", "search", "bookmark", "favorite", "vote",
    "like", "watch", "subscription", "alias",
];
pub(super) const GROUPS: &[&str] = &[
    "team", "group", "usergroup", "usrgrp", "grp", "squad", "crew", "workgroup", "cohort", "gruppe",
    "gruppen", "benutzergruppe", "benutzergruppen", "mannschaft", "arbeitsgruppe", "arbeitsgruppen",
    "nutzergruppe", "nutzergruppen", "groupe", "equipe", "grupo", "equipo", "cuadrilla", "gruppo",
    "gruppi", "squadra", "squadre", "groep", "groepen", "ploeg", "ploegen", "gebruikersgroep",
];
/// What could stand for groups where nothing better does.
pub(super) const GROUPLIKE: &[&str] = &[
    "role", "rolle", "rollen", "rol", "perfil", "profile", "channel", "circle", "space", "room",
    "department", "abteilung", "division", "unit", "organisation", "organization", "project",
    "projekt", "projet", "proyecto", "progetto", "cours", "course", "clas", "list", "community",
    "club", "council", "committee", "board", "site", "company", "society", "section", "office",
    "queue", "namespace",
];
pub(super) const DEPARTMENTS: &[&str] = &[
    "department", "dept", "orgunit", "division", "unit", "abteilung", "abteilungen", "bereich",
    "bereiche", "departement", "service", "departamento", "area", "setor", "seccion",
    "dipartimento", "dipartimenti", "reparto", "reparti", "ufficio", "afdeling", "afdelingen",
    "organizationalunit",
];

pub(super) const LOGIN: &[&str] = &[
    "username", "userlogin", "login", "loginname", "loginid", "logon", "logonname", "logonid",
    "upn", "userprincipalname", "samaccountname", "accountname", "uname", "usersname", "membername",
    "memberlogin", "signinname", "benutzername", "anmeldename", "anmeldekennung", "benutzerkennung",
    "nutzername", "nutzerkennung", "kennung", "identifiant", "nomutilisateur", "nomdutilisateur",
    "nombreusuario", "nombredeusuario", "nombrecuenta", "nomeusuario", "nomedeusuario",
    "nomeutilizador", "nomeutente", "gebruikersnaam", "inlognaam", "loginnaam", "agentlogin",
    "stafflogin", "employeelogin",
];
/// What may be a login and may be something else.
pub(super) const LOGIN_PERHAPS: &[&str] = &[
    "name", "uid", "userid", "usuario", "utente", "utilisateur", "benutzer", "gebruiker", "account",
    "handle", "screenname", "nickname", "nick", "alias", "code", "usercode", "kuerzel", "shortname",
    "matricule", "matricola", "netid", "userkey", "operator", "pseudo", "apodo", "spitzname",
];
pub(super) const EMAIL: &[&str] = &[
    "email", "emailaddress", "emailaddr", "emailadresse", "mail", "mailaddress", "mailadresse",
    "workemail", "emailwork", "businessemail", "primaryemail", "emailprimary", "courriel",
    "adressemail", "correo", "correoelectronico", "emailadres", "mailadres", "indirizzoemail",
    "enderecoemail", "epost",
];
pub(super) const EMAIL_PERHAPS: &[&str] = &[
    "email1", "mail1", "emailadres1", "contactemail", "internetaddress", "defaultemail",
];
pub(super) const GIVEN: &[&str] = &[
    "firstname", "givenname", "givennames", "forename", "forenames", "fname", "namefirst",
    "vorname", "rufname", "prenom", "prenoms", "primeironome", "voornaam", "primernombre", "first",
];
pub(super) const FAMILY: &[&str] = &[
    "lastname", "familyname", "surname", "lname", "sname", "namelast", "nachname", "familienname",
    "zuname", "nomdefamille", "nomfamille", "apellido", "apellidos", "sobrenome", "ultimonome",
    "cognome", "achternaam", "familienaam", "last",
];
/// In a row with a family name it is the given one; alone it is the whole name.
pub(super) const NAME: &[&str] = &["name", "nombre", "nome", "naam"];
/// In a row with a given name it is the family name.
pub(super) const NAME_FAMILY: &[&str] = &["nom"];
pub(super) const DISPLAY: &[&str] = &[
    "displayname", "fullname", "completename", "realname", "commonname", "cn", "gecos",
    "formattedname", "anzeigename", "vollername", "vollstaendigername", "nomcomplet", "nomaffiche",
    "nombrecompleto", "nomecompleto", "volledigenaam", "weergavenaam", "personname",
];
pub(super) const JOB: &[&str] = &[
    "jobtitle", "titlejob", "stellenbezeichnung", "berufsbezeichnung", "poste", "intituleposte",
    "puesto", "cargo", "ruolo", "functietitel", "jobposition", "functieomschrijving",
];
pub(super) const JOB_PERHAPS: &[&str] = &[
    "title", "titel", "position", "function", "funktion", "fonction", "functie", "job", "titre",
];
pub(super) const SALUTATIONS: &[&str] = &[
    "mr", "mrs", "ms", "miss", "mx", "dr", "drmed", "prof", "profdr", "sir", "madam", "herr",
    "frau", "m", "mme", "mlle", "monsieur", "madame", "sr", "sra", "srta", "senor", "senora",
    "dott", "dottssa", "ing", "sig", "sigra", "dhr", "mevr", "drs", "ir", "diplingr", "dipling",
];
pub(super) const PHONE: &[&str] = &[
    "phonenumber", "phone", "telephone", "telephonenumber", "workphone", "phonework", "officephone",
    "phoneoffice", "businessphone", "phonebusiness", "phoneno", "tel", "telefon", "telefonnummer",
    "telefono", "telefone", "telefoon", "telefoonnummer", "phoneprofessional", "telpro",
];
pub(super) const MOBILE: &[&str] = &[
    "mobile", "mobilephone", "phonemobile", "mobilenumber", "mobileno", "cell", "cellphone",
    "phonecell", "handy", "handynummer", "mobil", "mobiltelefon", "portable", "telportable",
    "movil", "celular", "cellulare", "mobiel", "gsm", "usermobile", "telemovel",
];
pub(super) const EMPLOYEE_NUMBER: &[&str] = &[
    "employeenumber", "employeenum", "employeeno", "employeenr", "personnelnumber", "personnelno", "staffnumber",
    "staffno", "personalnummer", "personalnr", "persnr", "numeroempleado", "matricola", "matricule",
    "personeelsnummer",
];
pub(super) const DEPARTMENT: &[&str] = &[
    "department", "dept", "departmentname", "deptname", "abteilung", "departement", "departamento",
    "dipartimento", "reparto", "afdeling",
];

pub(super) const ENABLED: &[&str] = &[
    "isactive", "active", "enabled", "isenabled", "aktiv", "istaktiv", "aktiviert",
    "freigeschaltet", "actif", "estactif", "activo", "estaactivo", "habilitado", "ativo", "attivo",
    "abilitato", "actief", "isactief", "useractive", "activated", "isactivated",
];
pub(super) const DISABLED: &[&str] = &[
    "disabled", "isdisabled", "disable", "inactive", "isinactive", "locked", "islocked", "lock",
    "deactivated", "isdeactivated", "blocked", "isblocked", "block", "suspended", "issuspended",
    "suspend", "banned", "isbanned", "ban", "prohibitlogin", "loginprohibited", "logindisabled",
    "accountlocked", "accountdisabled", "gesperrt", "istgesperrt", "sperre", "inaktiv",
    "deaktiviert", "bloque", "estbloque", "desactive", "inactif", "suspendu", "verrouille",
    "bloqueado", "desactivado", "inactivo", "deshabilitado", "desativado", "inativo", "bloccato",
    "disattivo", "disattivato", "disabilitato", "inattivo", "sospeso", "geblokkeerd", "inactief",
    "uitgeschakeld", "revoked", "retired", "terminated",
];
pub(super) const STATUS: &[&str] = &[
    "status", "userstatus", "state", "userstate", "accountstatus", "statut", "etat", "estado",
    "situacao", "situacion", "stato", "zustand", "statuscode", "statuscd", "statusid",
    "userstatusid", "validid", "valid", "loginstatus", "recordstatus", "activestatus", "isvalid",
    "staat",
];
/// Columns beside which a `state` is a part of an address.
pub(super) const POSTAL: &[&str] = &[
    "city", "zip", "zipcode", "postcode", "postalcode", "street", "country", "address", "address1",
    "addresscity", "town", "plz", "ort", "ville", "cidade", "ciudad",
];
/// Times or flags that say that a user may no longer (or not yet) sign in.
pub(super) const SINCE: &[&str] = &[
    "disabledat", "deactivatedat", "lockedat", "suspendedat", "blockedat", "bannedat",
    "inactivatedat", "disabledon", "deactivatedon", "lockedon", "suspendedon", "blockedon",
    "disableddate", "deactivationdate", "terminatedat", "terminatedon", "terminationdate", "leftat",
    "lefton", "leftdate", "gesperrtam", "deaktiviertam", "austritt", "austrittsdatum", "datesortie",
    "datedesactivation", "fechabaja", "fechadebaja", "datadesligamento", "dataammissione",
    "datacessazione", "uitdienst", "datumuitdienst", "disabledtime", "blocktime", "inactivetime",
    "inactivesince", "lockedsince", "purgedat", "exitdate", "separationdate", "retiredat", "archivedat",
    "archivedon", "archiveddate", "datearchived",
];
pub(super) const EXPIRES: &[&str] = &[
    "expires", "expiresat", "expireson", "expiry", "expirydate", "expirationdate", "expiration",
    "accountexpires", "accountexpiresat", "accountexpiry", "validuntil", "validto", "enddate",
    "dateend", "datefin", "dateendvalidity", "gueltigbis", "ablaufdatum", "fechafin",
    "fechaexpiracion", "datafim", "datascadenza", "geldigtot", "einddatum", "endtime",
    "deactivateat", "activeuntil",
];
pub(super) const UNTIL: &[&str] = &[
    "suspendedtill", "suspendeduntil", "lockeduntil", "lockuntil", "lockedtill", "bannedtill",
    "banneduntil", "blockeduntil", "silencedtill", "lockoutend", "lockoutuntil", "gesperrtbis",
    "bloqueadohasta", "disableduntil",
];
/// Flags or times that say that the application has deleted a row.
pub(super) const DELETED: &[&str] = &[
    "deleted", "isdeleted", "deletedat", "deletedon", "deleteat", "deletedate", "datedeleted",
    "deletiondate", "deletedtime", "deletetime", "removed", "isremoved", "removedat", "geloescht",
    "istgeloescht", "geloeschtam", "supprime", "estsupprime", "datesuppression", "eliminado",
    "fechaeliminacion", "borrado", "excluido", "deletado", "apagado", "cancellato", "eliminato",
    "dataeliminazione", "verwijderd", "verwijderdop", "trashed", "softdeleted", "deletedflag",
    "deletedexternally", "gone", "isgone", "goneat", "goneon", "discarded", "discardedat", "del", "isdel", "delflag", "loeschkz", "loevm", "tombstone", "erased",
];
/// Flags without which a new user may not be let in.
pub(super) const CONFIRMED: &[&str] = &[
    "confirmed", "isconfirmed", "verified", "isverified", "emailverified", "emailconfirmed",
    "approved", "isapproved", "validated", "activated", "isactivated", "bestaetigt", "confirme",
    "confirmado", "confermato", "bevestigd",
];
pub(super) const YES: &[&str] = &[
    "active", "enabled", "a", "y", "yes", "on", "1", "true", "t", "ok", "valid", "aktiv", "ja", "j",
    "actif", "oui", "o", "activo", "si", "s", "ativo", "sim", "attivo", "actief", "current",
    "employed", "normal", "live", "open", "habilitado",
];
pub(super) const NO: &[&str] = &[
    "inactive", "disabled", "i", "n", "no", "off", "0", "false", "f", "d", "deactivated", "blocked",
    "locked", "suspended", "invalid", "inaktiv", "gesperrt", "nein", "inactif", "bloque", "non",
    "inactivo", "bloqueado", "baja", "inativo", "nao", "inattivo", "bloccato", "inactief", "nee",
    "geblokkeerd", "terminated", "left", "banned", "deaktiviert", "desactive", "suspendu",
    "cessato", "desativado", "closed", "retired",
];
/// Columns that say whose or what kind of rows these are.
pub(super) const SCOPE: &[&str] = &[
    "tenant", "tenantid", "company", "companyid", "entity", "entityid", "entitiesid", "realm",
    "realmid", "org", "orgid", "organization", "organizationid", "organisationid", "organisation",
    "site", "siteid", "mandant", "mandantid", "mandantennr", "mandantnr", "clientid", "client",
    "directoryid", "domainid", "mnethostid", "instanceid", "hostid", "empresa", "empresaid",
    "idempresa", "azienda", "aziendaid", "societe", "societeid", "accountid", "customerid",
    "workspaceid", "portalid", "storeid", "shopid", "communityid", "pid", "blogid", "subsidiary",
    "bedrijf", "bedrijfid", "companycode", "werk",
];
pub(super) const SORT: &[&str] = &[
    "type", "usertype", "kind", "class", "discriminator", "dtype", "finalclass", "clazz", "art",
    "typ", "tipo", "soort", "principaltype", "objecttype", "recordtype", "accounttype", "isgroup",
    "isorg", "isorganization", "iscompany", "iscustomer", "isguest", "istemplate", "isservice",
    "isbot", "isserviceaccount", "issystem", "portalonly", "ishuman", "persontype", "usertypeid",
    "membertype",
];
/// Columns of a membership that say what kind of one a row is, or whether it counts.
pub(super) const EDGE_KIND: &[&str] = &[
    "kind", "type", "membertype", "membershiptype", "sourcetype", "principaltype", "grouptype",
    "status", "state", "pending", "userpending", "approved", "accepted", "confirmed", "invited",
    "active", "isactive", "enabled", "disabled", "permissionkey", "granttype", "isbless",
    "isdirect", "via", "component", "isdynamic", "expires", "expiry", "expiresat", "expirationdate",
    "validfrom", "validto", "validuntil", "startdate", "enddate", "leftat", "lefton", "leftdate",
    "goneat", "goneon", "endedat", "requestedat", "inviteemail", "invitetoken", "art", "typ",
    "tipo", "gueltigbis", "bis", "von", "ende", "beginn", "austritt", "datefin", "datedebut",
    "fechafin", "fechabaja", "hasta", "datafine", "datafim", "einddatum", "tot", "aktiv", "actif",
    "activo", "ativo", "attivo", "actief", "valid", "validid", "inherited", "isconfirmed", "isaccepted", "isapproved", "ispending", "isbanned", "banned", "invitesent", "removed", "objecttype",
    "modelltype", "modeltype", "memberstatus",
];

pub(super) const CREATED: &[&str] = &[
    "createdat", "created", "createdon", "creationdate", "createdate", "createddate", "datecreated",
    "datecreation", "createat", "createtime", "creationtime", "createdtime", "timecreated",
    "createdtimestamp", "createtimestamp", "timestampcreate", "timestampcreated", "ctime", "createdunix", "datec", "crdate", "createdts",
    "insertedat", "insertdate", "inserttime", "dateentered", "dateadd", "dateadded", "dateinserted",
    "registrationdate", "dateregistered", "registereddate", "registered", "registeredat",
    "registerdate", "registration", "regdate", "joindate", "datejoined", "signupdate",
    "whencreated", "erstelltam", "erstellt", "erstellungsdatum", "angelegtam", "angelegt",
    "anlagedatum", "erfasstam", "creele", "datedecreation", "dateajout", "fechacreacion",
    "fechaalta", "fechaderegistro", "creadoel", "datacriacao", "datacadastro", "criadoem",
    "datacreazione", "datainserimento", "creatoil", "aangemaaktop", "aangemaakt", "aanmaakdatum",
];
/// On a membership these say when it began.
pub(super) const JOINED: &[&str] = &[
    "joinedat", "joined", "joinedon", "addedat", "added", "addedon", "membersince", "since",
    "timeadded", "dateadded", "seit", "depuis", "desde", "dal", "sinds", "beigetretenam",
    "assignedat",
];
pub(super) const MODIFIED: &[&str] = &[
    "updatedat", "updated", "updatedon", "updatedate", "updatedunix", "updateat", "updatetime",
    "updatedtime", "dateupdated", "dateupd", "dateupdate", "modifiedat", "modified", "modifiedon",
    "modifieddate", "modifytime", "modificationdate", "modifydate", "timemodified", "datemodified",
    "datemod", "datemodification", "moddate", "modtime", "updateddate", "lastmodified",
    "lastmodifiedat", "lastmodifiedon", "lastmodifieddate", "lastmodificationdate", "lastupdate",
    "lastupdated", "lastupdatedat", "changedat", "changed", "changedon", "changetime", "changedate",
    "datechanged", "writedate", "timestampchange", "timestampchanged", "timestampupdate", "mtime", "tms", "tstamp", "whenchanged", "touched", "geaendertam",
    "geaendert", "aenderungsdatum", "aktualisiertam", "modifiele", "datemaj", "majle",
    "fechamodificacion", "fechaactualizacion", "modificadoel", "dataalteracao", "dataatualizacao",
    "atualizadoem", "datamodifica", "dataaggiornamento", "modificatoil", "gewijzigdop", "gewijzigd",
    "wijzigingsdatum", "dataultimamodifica",
];
pub(super) const ACTOR: &[&str] = &[
    "modifiedby", "updatedby", "changedby", "lastmodifiedby", "lastupdatedby", "geaendertvon",
    "modifiepar", "modificadopor", "alteradopor", "modificatoda", "gewijzigddoor",
];
pub(super) const VERSION: &[&str] = &[
    "lockversion", "rowversion", "optlock", "objversion", "version", "rev",
];
pub(super) const REVOKED: &[&str] = &[
    "revokedat", "revoked", "invalidatedat", "deletedat", "revokedon",
];
pub(super) const LABEL: &[&str] = &[
    "name", "groupname", "teamname", "displayname", "label", "title", "fullname", "bezeichnung",
    "nom", "libelle", "nombre", "nome", "denominazione", "naam", "titel", "titulo",
    "departmentname", "deptname", "groupedisplayname", "gruppenname", "nomgroupe", "nombregrupo",
    "nomegrupo", "nomegruppo", "groepsnaam", "denominacion", "beschreibung", "descripcion",
    "libellecourt", "completename", "gname", "caption",
];
/// Who wrote a row: how such a column's name begins or ends.
pub(super) const WRITERS: &[&str] = &[
    "createdby", "createby", "creator", "createuid", "writeuid", "changeby", "changedby", "updatedby",
    "updateby", "updater", "modifiedby", "modifier", "addedby", "addby", "grantedby", "grantor",
    "invitedby", "inviter", "inviterid", "assignedby", "approvedby", "deletedby", "insertedby",
    "requestedby", "enteredby", "lastupdatedby", "usercreat", "usermodif", "angelegtvon", "erstelltvon",
    "geaendertvon", "creepar", "creadopor", "criadopor", "creatoda", "aangemaaktdoor", "actorid",
    "createdbyid", "updatedbyid", "addedbyid", "invitedbyid", "createdbyfk", "changedbyfk",
];
/// Who answers for a row now; authors and creators made it, which a leaver did.
pub(super) const OWNER: &[&str] = &[
    "owner", "responsible", "leader", "lead", "manager", "assignee", "besitzer", "eigentuemer",
    "verantwortlicher", "proprietaire", "responsable", "propietario", "responsavel", "proprietario",
    "responsabile", "eigenaar", "verantwoordelijke",
];
pub(super) const AUTHOR: &[&str] = &["author", "creator", "autor", "auteur", "autore", "verfasser"];
/// What a password's column is called: the whole name.
pub(super) const PASSWORD: &[&str] = &[
    "password", "passwd", "pass", "pwd", "pw", "passwordhash", "hashedpassword", "passhash",
    "encryptedpassword", "cryptedpassword", "cryptpassword", "passcrypted", "passwordcrypted",
    "passwordencrypted", "userpass", "userpassword", "userhash", "userpwd", "pwdhash", "hashedpwd",
    "passwort", "passworthash", "kennwort", "kennworthash", "motdepasse", "mdp", "motpasse",
    "contrasena", "clave", "senha", "senhahash", "parola", "wachtwoord", "wachtwoordhash",
    "credential", "pwhash", "loginpassword", "passwordbcrypt", "passwordsha", "passwordencoded",
    "passwordsalted",
];
/// Parts of names of columns that are never read.
pub(super) const SECRET: &[&str] = &[
    "pass", "pwd", "secret", "token", "salt", "hash", "credential", "kennwort", "wachtwoord",
    "senha", "contrasena", "apikey", "privatekey", "otp", "mfa", "twofactor", "recovery", "cookie",
    "clave", "motdepasse", "mdp",
];
/// Words of a second spelling of a name.
pub(super) const COPIES: &[&str] = &[
    "lower", "upper", "canonical", "clean", "normalized", "normalised", "lc", "folded", "lowercase",
    "insensitive", "search", "ci", "klein",
];
/// Privileges, which nobody gets by default.
pub(super) const PRIVILEGE: &[&str] = &[
    "issuperuser", "superuser", "isstaff", "admin", "isadmin", "administrator", "isadministrator",
    "superadmin", "issuperadmin", "globaladmin", "isroot", "istadmin", "issysadmin",
    "superuseraccess",
];
