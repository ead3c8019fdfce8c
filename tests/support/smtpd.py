"""A mail server for one test: takes mail for whom it knows and keeps each as a JSON file.

smtpd.py FOLDER PORT MODE [CERTIFICATE KEY]: MODE is starttls, tls or plain. Prints its port. The
folder steers it: while `hold` is there, a sender waits behind MAIL FROM, and `held` says that one
does; while `refuse` is there, mail is put off with a 451.
"""

import asyncio
import email
import email.policy
import json
import logging
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

folder, port, mode = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
USER, PASSWORD = b"scim", b"p@ss/word"
count = 0
logging.getLogger("mail.log").setLevel(logging.ERROR)


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER, PASSWORD)
    return AuthResult(success=good, handled=False)


class Handler:
    async def handle_MAIL(self, server, session, envelope, address, options):
        while (folder / "hold").exists():
            (folder / "held").touch()
            await asyncio.sleep(0.02)
        envelope.mail_from = address
        return "250 2.1.0 ok"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        global count
        if (folder / "refuse").exists():
            return "451 4.3.0 come again later"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = [part for part in message.walk() if not part.is_multipart()]
        count += 1
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or mode == "tls",
            "authenticated": session.authenticated,
            "headers": [[name.lower(), str(value)] for name, value in message.items()],
            "longest": max(len(line) for line in envelope.content.split(b"\r\n")),
            "text": parts[0].get_content(),
            "attachments": [
                {"name": part.get_filename(), "type": part.get_content_type(), "text": part.get_content()}
                for part in parts[1:]
            ],
        }
        part = folder / f"{count:04}.part"
        part.write_text(json.dumps(mail))
        part.rename(folder / f"{count:04}.json")
        return f"250 2.0.0 queued as {count:04}"


async def main():
    context = None
    if mode != "plain":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(sys.argv[4], sys.argv[5])

    def session():
        return SMTP(
            Handler(),
            tls_context=context if mode == "starttls" else None,
            require_starttls=mode == "starttls",
            auth_require_tls=mode == "starttls",
            auth_required=mode != "plain",
            authenticator=authenticate,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        session, "127.0.0.1", port, ssl=context if mode == "tls" else None
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
