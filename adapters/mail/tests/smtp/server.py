"""An SMTP server for tests, on aiosmtpd. It keeps what it gets and can misbehave at any phase.

    python server.py MAILS [--fault PHASE=ACTION] [--tls CERTIFICATE KEY] [--starttls CERTIFICATE KEY] [--auth USER PASSWORD]

MAILS is a file that gets a line of JSON for each mail, before the client gets the answer. PHASE is connect, ehlo,
starttls, auth, mail, rcpt, data or body. ACTION is a reply such as "451 later", or `drop` or `silent`. The server prints
its port, and ends with its standard input.
"""

import argparse
import asyncio
import base64
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

parser = argparse.ArgumentParser()
parser.add_argument("mails")
parser.add_argument("--fault", action="append", default=[])
parser.add_argument("--tls", nargs=2)
parser.add_argument("--starttls", nargs=2)
parser.add_argument("--auth", nargs=2)
options = parser.parse_args()
faults = dict(fault.split("=", 1) for fault in options.fault)


def context(files):
    if not files:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*files)
    return made


class Server(SMTP):
    async def faulty(self, phase):
        """Whether the fault of this phase has taken the place of the answer."""
        action = faults.get(phase)
        if action is None:
            return False
        if action == "drop":
            self.transport.abort()
            raise asyncio.CancelledError
        if action == "silent":
            await asyncio.sleep(3600)
        await self.push(action)
        return True

    async def _handle_client(self):
        if await self.faulty("connect"):
            self.transport.close()
            return
        await super()._handle_client()

    async def smtp_EHLO(self, hostname):
        if not await self.faulty("ehlo"):
            await super().smtp_EHLO(hostname)

    async def smtp_STARTTLS(self, arg):
        if not await self.faulty("starttls"):
            await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg):
        if not await self.faulty("auth"):
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg):
        if not await self.faulty("mail"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg):
        if not await self.faulty("rcpt"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg):
        if not await self.faulty("data"):
            await super().smtp_DATA(arg)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "message": base64.b64encode(envelope.content).decode(),
            "is_encrypted": bool(session.ssl or server.transport.get_extra_info("sslcontext")),
            "user": session.auth_data.decode() if session.auth_data else None,
            "is_utf8": envelope.smtp_utf8,
        }
        with open(options.mails, "a", encoding="utf-8") as mails:
            mails.write(json.dumps(mail) + "\n")
        action = faults.get("body")
        if action == "drop":
            server.transport.abort()
        if action == "silent":
            await asyncio.sleep(3600)
        return action or "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    sent = [data.login.decode(), data.password.decode()]
    return AuthResult(success=sent == options.auth, auth_data=data.login)


def make():
    return Server(
        Handler(),
        enable_SMTPUTF8=True,
        tls_context=context(options.starttls),
        require_starttls=bool(options.starttls),
        authenticator=authenticate if options.auth else None,
        auth_required=bool(options.auth),
        auth_require_tls=False,
    )


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(make, "127.0.0.1", 0, ssl=context(options.tls))
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
