"""Thunderbird under a display of its own, driven through Marionette, its own interface for tests:
a TCP connection that carries JSON and runs JavaScript inside the program."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from checks import IMAP, PASSWORD, SMTP, USER

# What every script below may use. until() is the only way to wait: it ends or says what did not come.
PRELUDE = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const account = MailServices.accounts.accounts.find(a => a.incomingServer.type == "imap"), server = account.incomingServer, root = server.rootFolder;
const sleep = ms => new Promise(r => setTimeout(r, ms));
const until = async (what, test, seconds = 45) => {
	for (const end = Date.now() + 1000 * seconds; ;) {
		const v = await test();
		if (v) return v;
		if (Date.now() > end) throw new Error(what + " did not come within " + seconds + " s");
		await sleep(100);
	}
};
const folder = path => path.split("/").reduce((f, name) => f.subFolders.find(s => s.name.toLowerCase() == name.toLowerCase() || s.onlineName?.split("/").pop() == name) ?? (() => { throw new Error("no folder " + path); })(), root);
// find(folder, Message-ID)
const find = (f, id) => [...f.messages].find(h => h.messageId == id) ?? null;
const look = f => { f.updateFolder(window.msgWindow); };
const flags = h => [["read", h.isRead], ["flagged", h.isFlagged], ["replied", h.flags & 2], ["deleted", h.flags & 0x200000]].filter(x => x[1]).map(x => x[0]).concat(h.getStringProperty("keywords").split(" ").filter(k => k.startsWith("$label"))).join(" ");
// call(f): runs f(listener) and waits for the end of what it began.
const call = f => new Promise((ok, no) => f({
	QueryInterface: ChromeUtils.generateQI(["nsIUrlListener", "nsIMsgCopyServiceListener"]),
	OnStartRunningUrl() {}, OnStopRunningUrl(url, status) { status ? no(new Error("status 0x" + status.toString(16))) : ok(); },
	onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId() { return null; },
	onStopCopy(status) { status ? no(new Error("status 0x" + status.toString(16))) : ok(); },
}));
"""


class Marionette:
    """One connection; js() runs a script and returns what it returns."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 180)
        self.file, self.number = self.socket.makefile("rb"), 0
        self.read()
        self.call("WebDriver:NewSession", capabilities={"alwaysMatch": {"timeouts": {"script": 120_000}}})
        self.call("Marionette:SetContext", value="chrome")

    def read(self):
        size = b""
        while (c := self.file.read(1)) != b":":
            if not c:
                raise EOFError("Thunderbird hung up")
            size += c
        return json.loads(self.file.read(int(size)))

    def call(self, name, **params):
        self.number += 1
        data = json.dumps([0, self.number, name, params]).encode()
        self.socket.sendall(b"%d:%s" % (len(data), data))
        _, _, error, result = self.read()
        if error:
            raise RuntimeError(f"{name}: {error['message']}")
        return result.get("value")

    def alert(self):
        """The text of the dialogue that is or comes up; it is dismissed."""
        end = time.monotonic() + 30
        while True:
            try:
                text = self.call("WebDriver:GetAlertText")
                self.call("WebDriver:DismissAlert")
                return text
            except RuntimeError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def js(self, script, *args):
        text = "const done = arguments[arguments.length - 1];" + PRELUDE + "(async () => {" + script + "})().then(v => done({ v: v ?? null }), e => done({ error: `${e} ${e?.stack}` }))"
        got = self.call("WebDriver:ExecuteAsyncScript", script=text, args=list(args), sandbox="system")
        if got is None:  # a dialogue came up in between; whoever waits has to know
            raise RuntimeError("Thunderbird asks: " + self.alert())
        if "error" in got:
            raise RuntimeError(got["error"])
        return got["v"]


class Thunderbird:
    """A profile with one account, and the program that may be started on it several times."""

    def __init__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that close() runs then too
        self.dir = tempfile.mkdtemp(prefix="thunderbird.")
        self.profile, self.starts = os.path.join(self.dir, "profile"), 0
        os.makedirs(self.profile)
        os.makedirs(os.path.join(self.dir, "home"))
        self.program = self.runs = None
        read, write = os.pipe()
        self.display = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp"], pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as f:
            self.screen = ":" + f.readline().strip()
        self.prefs = {
            "marionette.port": 0,
            "mail.accountmanager.accounts": "account1",
            "mail.accountmanager.defaultaccount": "account1",
            "mail.account.account1.server": "server1",
            "mail.account.account1.identities": "id1",
            "mail.identity.id1.useremail": USER,
            "mail.identity.id1.fullName": "Demo User",
            "mail.identity.id1.smtpServer": "smtp1",
            "mail.identity.id1.valid": True,
            "mail.server.server1.type": "imap",
            "mail.server.server1.hostname": IMAP[0],
            "mail.server.server1.port": IMAP[1],
            "mail.server.server1.userName": USER,
            "mail.server.server1.socketType": 0,
            "mail.server.server1.authMethod": 3,
            "mail.server.server1.login_at_startup": False,
            "mail.server.server1.use_condstore": True,
            "mail.server.default.use_condstore": True,
            "mail.smtpservers": "smtp1",
            "mail.smtp.defaultserver": "smtp1",
            "mail.smtpserver.smtp1.hostname": SMTP[0],
            "mail.smtpserver.smtp1.port": SMTP[1],
            "mail.smtpserver.smtp1.username": USER,
            "mail.smtpserver.smtp1.try_ssl": 0,
            "mail.smtpserver.smtp1.authMethod": 3,
            # Nothing that asks questions, nothing that looks outside.
            "mail.shell.checkDefaultClient": False,
            "mail.rights.version": 1,
            "mailnews.start_page.enabled": False,
            "mail.provider.enabled": False,
            "mail.chat.enabled": False,
            "app.update.enabled": False,
            "datareporting.policy.dataSubmissionEnabled": False,
            "services.settings.server": "http://127.0.0.1:9/",
            "extensions.update.enabled": False,
            "network.captive-portal-service.enabled": False,
            "network.connectivity-service.enabled": False,
        }

    def start(self):
        with open(os.path.join(self.profile, "user.js"), "w") as f:
            f.writelines(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in self.prefs.items())
        port = os.path.join(self.profile, "MarionetteActivePort")
        if os.path.exists(port):
            os.remove(port)
        self.starts += 1
        env = {**os.environ, "HOME": os.path.join(self.dir, "home"), "DISPLAY": self.screen, "MOZ_LOG": "IMAP:4,sync", "MOZ_LOG_FILE": os.path.join(self.dir, f"log{self.starts}"), "MOZ_CRASHREPORTER_DISABLE": "1"}
        env.pop("DBUS_SESSION_BUS_ADDRESS", None)
        with open(os.path.join(self.dir, "output"), "ab") as out:
            self.program = subprocess.Popen(["thunderbird", "--profile", self.profile, "--no-remote", "--marionette", "--remote-allow-system-access"], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        end = time.monotonic() + 120
        while not (os.path.exists(port) and os.path.getsize(port)):
            if self.program.poll() is not None or time.monotonic() > end:
                raise RuntimeError("Thunderbird does not start: " + open(os.path.join(self.dir, "output"), errors="replace").read()[-1500:])
            time.sleep(0.1)
        self.runs = Marionette(int(open(port).read()))
        self.runs.js('await until("the window", () => document.readyState == "complete" && window.msgWindow)')

    def js(self, script, *args):
        return self.runs.js(script, *args)

    def login(self, *hosts):
        """Stores the password for these hosts as if it had been typed in and kept."""
        self.js(
            """
            const [hosts, user, password] = arguments;
            for (const host of hosts) {
                const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
                login.init(host, null, host, user, password, "", "");
                await Services.logins.addLoginAsync(login);
            }""",
            [f"{protocol}://{host}" for protocol in ("imap", "smtp") for host in hosts], USER, PASSWORD,
        )  # fmt: skip

    def trust(self, file):
        """Takes a root certificate into the profile."""
        with open(file) as f:
            text = "".join(line.strip() for line in f if not line.startswith("-----"))
        self.js('Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).addCertFromBase64(arguments[0], "C,,")', text)

    def source(self, folder, message_id):
        """The whole message as Thunderbird has it."""
        return self.js(
            """
            const f = folder(arguments[0]), uri = f.getUriForMsg(find(f, arguments[1]));
            return await new Promise((ok, no) => {
                let text = "";
                MailServices.messageServiceFromURI(uri).streamMessage(uri, {
                    QueryInterface: ChromeUtils.generateQI(["nsIStreamListener"]),
                    onStartRequest() {},
                    onDataAvailable(request, stream, offset, n) {
                        const b = Cc["@mozilla.org/binaryinputstream;1"].createInstance(Ci.nsIBinaryInputStream);
                        b.setInputStream(stream);
                        text += b.readBytes(n);
                    },
                    onStopRequest(request, status) { status ? no(new Error("status 0x" + status.toString(16))) : ok(decodeURIComponent(escape(text))); },
                }, null, null, false, "", false);
            });""",
            folder, message_id,
        )  # fmt: skip

    def file(self, data):
        """A file to attach."""
        path = os.path.join(self.dir, "attachment")
        with open(path, "wb") as f:
            f.write(data)
        return path

    def said(self):
        """The commands that it sent over IMAP since it was started, as its own log has them."""
        with open(os.path.join(self.dir, f"log{self.starts}.moz_log"), "rb") as f:
            return [line.strip() for line in re.findall(r"SendData: \S+ (.*)", f.read().decode("utf-8", "replace"))]

    def stop(self):
        """Lets it quit as a user would."""
        if self.program is None:
            return
        try:
            self.runs.call("Marionette:Quit", flags=["eAttemptQuit"])
            self.program.wait(60)
        except Exception:
            self.program.kill()
            self.program.wait()
            raise
        finally:
            self.program = self.runs = None

    def close(self):
        try:
            self.stop()
        finally:
            self.display.terminate()
            self.display.wait()
            shutil.rmtree(self.dir, ignore_errors=True)
