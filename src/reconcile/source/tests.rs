//! Exports as Entra writes them, broken ones, and noise.

use std::io::{self, Read};

use proptest::prelude::*;

use super::Source;

/// `GET /v1.0/users?$select=…`, the first of two pages.
const PAGE: &str = r#"{
  "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users(id,userPrincipalName,accountEnabled,displayName,givenName,surname,jobTitle,department,businessPhones)",
  "@odata.nextLink": "https://graph.microsoft.com/v1.0/users?$select=id&$skiptoken=RFNwdAIAAQ",
  "value": [
    {
      "id": "6c4eb2d2-1a6c-4f60-9d2c-3c0b0a1c6f11",
      "userPrincipalName": "Ana.Silva@plant.example",
      "accountEnabled": true,
      "displayName": "Ana Silva",
      "givenName": "Ana",
      "surname": "Silva",
      "jobTitle": "Shift lead",
      "department": "Pressing plant",
      "businessPhones": ["+49 30 5550101", "+49 30 5550102"]
    },
    {
      "id": "0f9d3f58-5d6b-4a51-8a36-7f5f6f0a2b22",
      "userPrincipalName": "z.müller_partner.example#EXT#@plant.onmicrosoft.com",
      "accountEnabled": false,
      "displayName": "Zoë \"Zed\" Müller",
      "givenName": null,
      "surname": "Müller",
      "jobTitle": "",
      "department": null,
      "businessPhones": []
    }
  ]
}
"#;

const LAST_PAGE: &str = r#"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users","value":[
{"businessPhones":[],"displayName":"Bo Li","givenName":"Bo","jobTitle":null,"mail":"bo@plant.example","mobilePhone":"+49 170 5550103","officeLocation":null,"preferredLanguage":"de","surname":"Li","userPrincipalName":"bo@plant.example","id":"a1b2c3d4-0000-4000-8000-000000000003"}]}"#;

const PORTAL: &str = "\u{feff}userPrincipalName,displayName,surname,mail,givenName,id,userType,jobTitle,department,accountEnabled,usageLocation,streetAddress,state,country,officeLocation,city,postalCode,telephoneNumber,mobilePhone,alternateEmailAddress,ageGroup,consentProvidedForMinor,legalAgeGroupClassification,companyName,creationType,directorySynced,invitationState,identityIssuer,createdDateTime\r
Ana.Silva@plant.example,Ana Silva,Silva,ana@plant.example,Ana,6c4eb2d2-1a6c-4f60-9d2c-3c0b0a1c6f11,Member,Shift lead,Pressing plant,True,DE,\"Werkstr. 1\r
Tor 3\",,Germany,,Berlin,10115,+49 30 5550101,+49 170 5550101,,,,,,,,,plant.onmicrosoft.com,8/19/2021 1:25:31 PM\r
z.müller_partner.example#EXT#@plant.onmicrosoft.com,\"Müller, \"\"Zed\"\"\",Müller,,,0f9d3f58-5d6b-4a51-8a36-7f5f6f0a2b22,Guest,,,False,,,,,,,,,,z@partner.example,,,,,,,,,\r
\r
bo@plant.example,Bo Li,Li,,Bo,a1b2c3d4-0000-4000-8000-000000000003,Member,,,false,,,,,,,,,,,,,,,,,,,\r
";

/// The header until 2021.
const OLD_PORTAL: &str = "userPrincipalName,displayName,surname,mail,givenName,objectId,userType,jobTitle,department,accountEnabled,usageLocation,streetAddress,state,country,physicalDeliveryOfficeName,city,postalCode,telephoneNumber,mobile,authenticationPhoneNumber,authenticationAlternativePhoneNumber,authenticationEmail,alternateEmailAddress,ageGroup,consentProvidedForMinor,legalAgeGroupClassification
bo@plant.example,Bo Li,Li,bo@plant.example,Bo,a1b2c3d4-0000-4000-8000-000000000003,Member,,,TRUE,DE,,,,,,,+49 30 5550103,,,,,,,,
";

fn read(text: &str) -> Source {
    Source::read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\nin: {text}"))
}

fn refusal(bytes: impl AsRef<[u8]>) -> String {
    match Source::read(bytes.as_ref()) {
        Ok(source) => panic!("read as {source:?}"),
        Err(error) => error.to_string(),
    }
}

/// Everything, as a person would check it.
fn shown(source: &Source) -> String {
    let mut text = String::new();
    for user in source.users() {
        let (line, id, name) = (user.line(), user.id(), user.user_name());
        text += &format!("line {line}: {name}, {id}, active: {:?}\n", user.active());
        for (path, value) in user.attributes() {
            text += &format!("  {path}: {value:?}\n");
        }
    }
    text
}

fn names(source: &Source) -> Vec<&str> {
    source.users().iter().map(super::SourceUser::user_name).collect()
}

#[test]
fn pages_of_graph() {
    insta::assert_snapshot!(shown(&read(&format!("{PAGE}{LAST_PAGE}"))), @r#"
line 5: Ana.Silva@plant.example, 6c4eb2d2-1a6c-4f60-9d2c-3c0b0a1c6f11, active: Some(true)
  displayName: Some("Ana Silva")
  name.familyName: Some("Silva")
  name.givenName: Some("Ana")
  phoneNumbers[type eq "work"].value: Some("+49 30 5550101")
  title: Some("Shift lead")
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: Some("Pressing plant")
line 16: z.müller_partner.example#EXT#@plant.onmicrosoft.com, 0f9d3f58-5d6b-4a51-8a36-7f5f6f0a2b22, active: Some(false)
  displayName: Some("Zoë \"Zed\" Müller")
  name.familyName: Some("Müller")
  name.givenName: None
  phoneNumbers[type eq "work"].value: None
  title: Some("")
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: None
line 30: bo@plant.example, a1b2c3d4-0000-4000-8000-000000000003, active: None
  displayName: Some("Bo Li")
  name.familyName: Some("Li")
  name.givenName: Some("Bo")
  phoneNumbers[type eq "work"].value: None
  title: None
"#);
}

#[test]
fn graph_in_the_shapes_that_tools_leave_behind() {
    let all = read(&format!("{PAGE}\n\n{LAST_PAGE}\n"));
    assert_eq!(names(&all).len(), 3);
    assert_eq!(names(&read(&format!("[{PAGE},{LAST_PAGE}]"))), names(&all));
    assert_eq!(names(&read(&format!("\u{feff}  {PAGE}{LAST_PAGE}"))), names(&all));
    // `az ad user list`, `jq .value[]` and PowerShell's ConvertTo-Json.
    let bare = r#"[{"id":"1","userPrincipalName":"a@x"}, {"id":"2","userPrincipalName":"b@x"}]"#;
    assert_eq!(names(&read(bare)), ["a@x", "b@x"]);
    let lines = "{\"id\":\"1\",\"userPrincipalName\":\"a@x\"}\n{\"id\":\"2\",\"userPrincipalName\":\"b@x\"}\n";
    assert_eq!(names(&read(lines)), ["a@x", "b@x"]);
    let shell = r#"{"Id":"1","UserPrincipalName":"a@x","AccountEnabled":"True","JobTitle":"X","Manager":{"value":[1,{}]}}"#;
    insta::assert_snapshot!(shown(&read(shell)), @r#"
line 1: a@x, 1, active: Some(true)
  title: Some("X")
"#);
    let null = r#"{"value":[{"id":"1","userPrincipalName":"a@x"}],"@odata.nextLink":null}"#;
    assert_eq!(names(&read(null)), ["a@x"]);
}

#[test]
fn the_portal_s_csv() {
    insta::assert_snapshot!(shown(&read(PORTAL)), @r#"
line 2: Ana.Silva@plant.example, 6c4eb2d2-1a6c-4f60-9d2c-3c0b0a1c6f11, active: Some(true)
  displayName: Some("Ana Silva")
  name.familyName: Some("Silva")
  name.givenName: Some("Ana")
  phoneNumbers[type eq "work"].value: Some("+49 30 5550101")
  title: Some("Shift lead")
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: Some("Pressing plant")
line 4: z.müller_partner.example#EXT#@plant.onmicrosoft.com, 0f9d3f58-5d6b-4a51-8a36-7f5f6f0a2b22, active: Some(false)
  displayName: Some("Müller, \"Zed\"")
  name.familyName: Some("Müller")
  name.givenName: None
  phoneNumbers[type eq "work"].value: None
  title: None
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: None
line 6: bo@plant.example, a1b2c3d4-0000-4000-8000-000000000003, active: Some(false)
  displayName: Some("Bo Li")
  name.familyName: Some("Li")
  name.givenName: Some("Bo")
  phoneNumbers[type eq "work"].value: None
  title: None
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: None
"#);
    insta::assert_snapshot!(shown(&read(OLD_PORTAL)), @r#"
line 2: bo@plant.example, a1b2c3d4-0000-4000-8000-000000000003, active: Some(true)
  displayName: Some("Bo Li")
  name.familyName: Some("Li")
  name.givenName: Some("Bo")
  phoneNumbers[type eq "work"].value: Some("+49 30 5550103")
  title: None
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: None
"#);
}

#[test]
fn columns_in_any_order_and_only_some() {
    let few = read("id,userPrincipalName\n1,a@x\n2,b@x");
    insta::assert_snapshot!(shown(&few), @r#"
line 2: a@x, 1, active: None
line 3: b@x, 2, active: None
"#);
    // Saved again by Excel in a locale with decimal commas.
    let excel = read("department;ID;userPrincipalName\nPress, hot;1;a@x\n");
    insta::assert_snapshot!(shown(&excel), @r#"
line 2: a@x, 1, active: None
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: Some("Press, hot")
"#);
    assert_eq!(
        names(&read("id\tuserPrincipalName\tbusinessPhones\n1\ta@x\tSystem.String[]\n")),
        ["a@x"]
    );
}

#[test]
fn lines_before_the_header_that_say_how_the_file_is_written() {
    for before in ["sep=;\r\n", "SEP=;\n", "\"sep=;\"\n", "\u{feff}sep=;\r\n"] {
        assert_eq!(names(&read(&format!("{before}id;userPrincipalName\r\n1;a@x\r\n"))), ["a@x"]);
    }
    let comma = "sep=,\nid,userPrincipalName,department\n1,a@x,\"a;b;c;d\"\n";
    assert_eq!(names(&read(comma)), ["a@x"]);
    let shell = "#TYPE Selected.Microsoft.Graph.PowerShell.Models.MicrosoftGraphUser\r\n\
                 \"Id\",\"UserPrincipalName\"\r\n\"1\",\"a@x\"\r\n";
    assert_eq!(names(&read(shell)), ["a@x"]);
    let semicolons = "#TYPE System.Object\nid;userPrincipalName\n1;a@x\n";
    assert_eq!(names(&read(semicolons)), ["a@x"]);
    assert!(refusal("sep=;\n").contains("no users"));
    assert!(refusal("sep=;;\nid;userPrincipalName\n1;a@x\n").contains("header"));
}

#[test]
fn how_many_there_are_by_entra_s_own_count() {
    let page = |count: &str, id: u32, next: bool| {
        let next = if next { r#","@odata.nextLink":"https://x""# } else { "" };
        format!(r#"{{{count}"value":[{{"id":"{id}","userPrincipalName":"{id}@x"}}]{next}}}"#)
    };
    let count = |n: u32| format!(r#""@odata.count":{n},"#);
    let announced = |pages: &[String]| read(&pages.join("\n")).announced();
    assert_eq!(announced(&[page("", 1, false)]), None);
    assert_eq!(announced(&[page(&count(1), 1, false)]), Some(1));
    // On the first page alone, or on each; the second of three is missing here.
    assert_eq!(announced(&[page(&count(3), 1, true), page("", 3, false)]), Some(3));
    assert_eq!(announced(&[page(&count(3), 1, true), page(&count(3), 3, false)]), Some(3));
    // Two answers, members and guests.
    assert_eq!(announced(&[page(&count(1), 1, false), page(&count(1), 2, false)]), Some(2));
    assert_eq!(announced(&[page(&count(1), 1, false), page("", 2, false)]), None);
    assert!(refusal(page(r#""@odata.count":"x","#, 1, false)).contains("line 1"));
}

#[test]
fn users_are_found_by_id_and_by_name_without_case() {
    let source = read(&format!("{PAGE}{LAST_PAGE}"));
    assert_eq!(source.by_user_name("ANA.silva@plant.example "), Some(0));
    assert_eq!(source.by_user_name("Z.MÜLLER_partner.example#ext#@plant.onmicrosoft.com"), Some(1));
    assert_eq!(source.by_user_name("z.muller_partner.example#ext#@plant.onmicrosoft.com"), None);
    assert_eq!(source.by_id("A1B2C3D4-0000-4000-8000-000000000003"), Some(2));
    assert_eq!(source.by_id(""), None);
}

#[test]
fn refused_json() {
    let broken = [
        PAGE.trim_end().trim_end_matches('}'),
        &PAGE[..PAGE.len() / 2],
        PAGE,
        &format!("[{LAST_PAGE},{}]", PAGE.replace("6c4e", "7c4e")),
        r#"{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges to complete the operation.","innerError":{}}}"#,
        "{\"value\":[]}",
        "[]",
        "{}",
        "[[]]",
        "[\n  1\n]",
        "{\"value\": {\"id\": 1}}",
        "{\"value\": [\n{\"value\": []}]}",
        "{\"value\": [\n{\"id\": \"1\"}]}",
        "{\"value\": [\n\n{\"userPrincipalName\": \"a@x\", \"id\": null}]}",
        "{\"value\": [\n{\"userPrincipalName\": \" \", \"id\": \"1\"}]}",
        "[\n{\"userPrincipalName\": \"a@x\", \"id\": 1}]",
        "[\n{\"userPrincipalName\": \"a@x\", \"id\": \"1\", \"department\": [\"x\"]}]",
        "[\n{\"userPrincipalName\": \"a@x\", \"id\": \"1\", \"businessPhones\": \"x\"}]",
        "[\n{\"userPrincipalName\": \"a@x\", \"id\": \"1\", \"businessPhones\": [{}]}]",
        "[\n{\"userPrincipalName\": \"a@x\", \"id\": \"1\", \"accountEnabled\": null}]",
        "[\n{\"userPrincipalName\": \"a@x\", \"id\": \"1\", \"accountEnabled\": \"yes\\u001b[2J\"}]",
        "[{\"userPrincipalName\": \"a@x\", \"id\": \"1\"},\n{\"userPrincipalName\": \"b@x\", \"id\": \"1\"}]",
        "[{\"userPrincipalName\": \"a@x\", \"id\": \"1\"},\n\n{\"userPrincipalName\": \"A@X\", \"id\": \"2\"}]",
        "[{\"userPrincipalName\": \"a@x\", \"id\": \"1\"}] x",
        "[{\"userPrincipalName\": \"a@x\", \"id\": \"1\",}]",
    ];
    insta::assert_snapshot!(broken.map(refusal).join("\n"), @r#"
line 28: the JSON breaks off (column 0); the export is incomplete, fetch it again
line 11: the JSON breaks off (column 17); the export is incomplete, fetch it again
line 3: the export is partial: its last page still has an @odata.nextLink. Fetch the URL that it names, append the answer to the file, and go on so until a page has none
line 4: the export is partial: its last page still has an @odata.nextLink. Fetch the URL that it names, append the answer to the file, and go on so until a page has none
line 1: Microsoft Graph answered with an error instead of users: Authorization_RequestDenied: Insufficient privileges to complete the operation.
line 1: the export holds no users
line 1: the export holds no users
line 1: there are neither users (`value`) nor a user here
line 1: not an export of users (column 3): invalid type: sequence, expected a page or a user
line 3: not an export of users (column 0): invalid type: integer `1`, expected a page or a user
line 1: not an export of users (column 11): invalid type: map, expected an array of users as `value`
line 2: there are neither users (`value`) nor a user here
line 2: a user without `userPrincipalName`: `1`
line 3: a user without `id`: `a@x`
line 2: a user without `userPrincipalName`: `1`
line 2: `id` is a number, not a text
line 2: `department` is a list, not a text
line 2: `businessPhones` is a text, not a list of texts
line 2: `businessPhones` is a list of something else, not a list of texts
line 2: `accountEnabled` is null, not true or false
line 2: `accountEnabled` is `yes�[2J`, not true or false
line 2: the id `1` is there twice; the first time in line 1
line 3: the userPrincipalName `A@X` is there twice; the first time in line 1
line 1: not an export of users (column 43): expected value
line 1: not an export of users (column 41): trailing comma
"#);
}

#[test]
fn refused_csv() {
    let broken = [
        "",
        "\u{feff} \r\n",
        "userPrincipalName,id\r\n",
        "Name,E-Mail\r\nAna,ana@plant.example\r\n",
        "objectId,displayName\n1,Ana\n",
        "<!DOCTYPE html>\n<html>",
        "id,userPrincipalName,ID\n1,a@x,1\n",
        "id,userPrincipalName\r\n1,a@x\r\n2\r\n",
        "id,userPrincipalName\n1,a@x\n2,b@x,\n",
        "id,userPrincipalName\n1,a@x\n\n,b@x\n",
        "id,userPrincipalName\n1,a@x\n2,\n",
        "id,userPrincipalName,accountEnabled\n1,a@x,\n",
        "id,userPrincipalName,accountEnabled\n1,a@x,Wahr\n",
        "id,userPrincipalName\n1,a@x\n2,b@x\n3,\" A@x\"\n1,c@x\n",
        "id,userPrincipalName\n1,a@x\n2,\"b@x\n3,c@x\n",
        "id,userPrincipalName,city\r\n1,\"a@x\",\"Bonn\r\nam Rhein\"\r\n\r\n2,b@x,\"Trier",
        "id,userPrincipalName,city\r\n1,a@x,\"Bonn\r\nam Rhein\"\r\n\r\n2,b@x\r\n",
    ];
    insta::assert_snapshot!(broken.map(refusal).join("\n"), @r#"
line 1: the export holds no users
line 1: the export holds no users
line 1: the export holds no users
line 1: the header has no column `userPrincipalName`, `id`; it has `Name`, `E-Mail`. Wanted is Microsoft Graph's JSON, or the CSV of Users → Bulk operations → Download users with at least `userPrincipalName` and `id` (or `objectId`)
line 1: the header has no column `userPrincipalName`; it has `objectId`, `displayName`. Wanted is Microsoft Graph's JSON, or the CSV of Users → Bulk operations → Download users with at least `userPrincipalName` and `id` (or `objectId`)
line 1: the header has no column `userPrincipalName`, `id`; it has `<!DOCTYPE html>`. Wanted is Microsoft Graph's JSON, or the CSV of Users → Bulk operations → Download users with at least `userPrincipalName` and `id` (or `objectId`)
line 1: the header has the column `ID` twice
line 3: 1 fields in this row, 2 in the header
line 3: 3 fields in this row, 2 in the header
line 4: a user without `id`: `b@x`
line 3: a user without `userPrincipalName`: `2`
line 2: `accountEnabled` is empty, not true or false
line 2: `accountEnabled` is `Wahr`, not true or false
line 5: the id `1` is there twice; the first time in line 2
line 3: a quoted field of this row isn't closed; the export is incomplete, fetch it again
line 5: a quoted field of this row isn't closed; the export is incomplete, fetch it again
line 5: 2 fields in this row, 3 in the header
"#);
}

#[test]
fn refused_encodings() {
    let utf16 = |text: &str, mark: u16| -> Vec<u8> {
        std::iter::once(mark).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    let latin1 = b"id,userPrincipalName\n1,a@x\n2,m\xfcller@x\n";
    let cut = b"id,userPrincipalName\n1,a@x\n2,m\xc3";
    let json = b"[{\"id\":\"1\",\n\"userPrincipalName\":\"m\xfcller@x\"}]";
    let ignored = b"[{\"id\":\"1\",\n\"mail\":\"m\xfcller@x\",\"userPrincipalName\":\"a@x\"}]";
    let messages = [
        refusal(utf16("id\tuserPrincipalName\n", 0xfeff)),
        refusal(&utf16("{}", 0x7b)[..]),
        refusal(latin1),
        refusal(cut),
        refusal(json),
        refusal(ignored),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
line 1: this is UTF-16; save the file as UTF-8 (in Excel: “CSV UTF-8”)
line 1: this is UTF-16; save the file as UTF-8 (in Excel: “CSV UTF-8”)
line 3: this isn't UTF-8; save the file as UTF-8 (in Excel: “CSV UTF-8”)
line 3: this isn't UTF-8; save the file as UTF-8 (in Excel: “CSV UTF-8”)
line 2: this isn't UTF-8; save the file as UTF-8 (in Excel: “CSV UTF-8”)
line 2: this isn't UTF-8; save the file as UTF-8 (in Excel: “CSV UTF-8”)
"#);
}

#[test]
fn a_disk_that_fails_is_said() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("no such sector"))
        }
    }
    for start in ["", "[{", "id,userPrincipalName\n1,a"] {
        let error = Source::read(start.as_bytes().chain(Fails)).unwrap_err().to_string();
        assert!(error.ends_with(": the file can't be read: no such sector"), "{error}");
    }
}

/// Larger than any piece, so that pieces cut characters in two.
#[test]
fn large_exports() {
    const USERS: usize = 20_000;
    let mut csv = "id,userPrincipalName,displayName\n".to_owned();
    let mut json = "[".to_owned();
    for user in 0..USERS {
        csv += &format!("{user},{user}@plänt.example,Ü{}\n", "ö".repeat(user % 7));
        let comma = if user == 0 { "" } else { ",\n" };
        json += &format!(
            r#"{comma}{{"id":"{user}","userPrincipalName":"{user}@plänt.example","displayName":"Ü{}"}}"#,
            "ö".repeat(user % 7)
        );
    }
    json += "]";
    for (text, first_line) in [(csv, 2), (json, 1)] {
        let source = read(&text);
        assert_eq!(source.users().len(), USERS);
        let at = source.by_user_name("19999@PLÄNT.example").unwrap();
        let user = &source.users()[at];
        assert_eq!((user.id(), user.line()), ("19999", 19_999 + first_line));
        let name = ("displayName", Some("Üöööööö"));
        assert_eq!(source.users()[6].attributes().next(), Some(name));
    }
}

fn noise() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\n",
        "\r\n",
        ";",
        "\t",
        " ",
        "null",
        "true",
        "1e9",
        "\"value\":[",
        "\"id\":",
        "\"userPrincipalName\":",
        "\"accountEnabled\":",
        "\"businessPhones\":",
        "\"@odata.nextLink\":",
        "\"error\":{",
        "\"a@x\"",
        "\"1\"",
        "\"\\ud800\"",
        "id,userPrincipalName\n",
        "1,a@x\n",
        "2,b@x",
        "\u{feff}",
        "ü",
        "\0",
    ];
    let piece = prop_oneof![
        12 => prop::sample::select(pieces.to_vec()).prop_map(|it| it.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_input_panics(noise in noise(), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        for input in [noise, bytes] {
            if let Err(error) = Source::read(input.as_slice()) {
                let lines = input.split(|byte| *byte == b'\n').count();
                prop_assert!((1..=lines).contains(&error.line()), "{error}");
                prop_assert!(!error.to_string().contains(char::is_control), "{error}");
            }
        }
    }

    #[test]
    fn a_cut_export_never_passes_for_a_smaller_one(at in 1..PAGE.len()) {
        let pages = format!("{LAST_PAGE}{}", PAGE.replace("\"@odata.nextLink\"", "\"was\""));
        let cut = pages.get(..LAST_PAGE.len() + at).unwrap_or(&pages);
        let cut = cut.trim_end();
        prop_assert!(Source::read(cut.as_bytes()).is_err() || cut == pages.trim_end());
    }
}
