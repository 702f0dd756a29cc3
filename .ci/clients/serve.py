"""`mail2graph serve` as an operator sets it up, with a certificate, on the simulated Graph of the demo.

    serve.py DIR [ADDRESS]    runs until SIGTERM; DIR/env then says, for a shell, where it listens
"""

import os
import signal
import socket
import subprocess
import sys
import time

import simulator
from checks import PASSWORD, USER

# Who the demo is to its simulator.
TENANT, CLIENT, SECRET = "00000000-0000-4000-8000-0000000de300", "00000000-0000-4000-8000-0000000de301", "simulated"


def free_ports(n):
    held = [socket.socket() for _ in range(n)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def certificate(dir):
    """A root and a certificate for localhost under it: ca.pem, cert.pem, key.pem."""

    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=dir, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=CI root", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", *key, "-keyout", "key.pem", "-out", "cert.csr", "-subj", "/CN=localhost")
    with open(os.path.join(dir, "extensions"), "w") as f:
        f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
    openssl("x509", "-req", "-in", "cert.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-out", "cert.pem", "-extfile", "extensions")


class Serve:
    """One configuration; it can be started, killed and started again."""

    def __init__(self, dir, address=USER):
        self.dir, self.process = dir, None
        self.binary = os.environ.get("MAIL2GRAPH") or sys.exit("MAIL2GRAPH is missing: the path of the program")
        self.log = os.environ.get("SERVE_LOG", os.path.join(dir, "serve.log"))
        self.imap, self.imaps, self.smtp, self.smtps = free_ports(4)
        certificate(dir)
        hash = subprocess.run([self.binary, "passwd"], input=PASSWORD + "\n", check=True, capture_output=True, text=True).stdout.strip()
        os.umask(0o077)  # the file has a secret in it
        with open(os.path.join(dir, "config.toml"), "w") as f:
            f.write(f"""
state_dir = "state"
[imap]
listen = ["127.0.0.1:{self.imap}"]
listen_tls = ["127.0.0.1:{self.imaps}"]
[smtp]
listen = ["127.0.0.1:{self.smtp}"]
listen_tls = ["127.0.0.1:{self.smtps}"]
per_minute = 0
[tls]
cert_file = "cert.pem"
key_file = "key.pem"
[app.demo]
tenant_id = "{TENANT}"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
authority_host = "{simulator.URL}"
graph_endpoint = "{simulator.URL}"
ca_file = "{simulator.CA}"
[mailbox.box]
address = "{address}"
app = "demo"
idle_poll = "2s"
[login.box]
username = "{address}"
password_hash = "{hash}"
mailbox = "box"
""")

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.binary, "serve", "--config", os.path.join(self.dir, "config.toml")], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 60
        for port, greeting in ((self.imap, b"* OK"), (self.smtp, b"220 ")):
            while True:
                try:
                    with socket.create_connection(("127.0.0.1", port), 5) as s:
                        if s.recv(100).startswith(greeting):
                            break
                except OSError:
                    pass
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"nobody greets on port {port}: {self.tail()}")
                time.sleep(0.05)

    def tail(self):
        with open(self.log, errors="replace") as f:
            return "".join(f.readlines()[-20:])

    def end(self, signal):
        """Ends it and returns its exit status."""
        self.process.send_signal(signal)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def main(dir, address=USER):
    s = Serve(dir, address)
    # From here on SIGTERM ends us in an orderly way.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    s.start()
    try:
        with open(os.path.join(dir, "env.new"), "w") as f:
            f.write(f"IMAP_TLS_PORT={s.imap} IMAPS_PORT={s.imaps} SMTP_TLS_PORT={s.smtp} SMTPS_PORT={s.smtps} CA={os.path.join(dir, 'ca.pem')}\n")
        os.rename(os.path.join(dir, "env.new"), os.path.join(dir, "env"))
        s.process.wait()
    finally:
        if s.process.poll() is None:
            s.end(signal.SIGINT)


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
