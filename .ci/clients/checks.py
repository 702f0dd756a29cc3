"""Counting of checks for the client scripts in Python."""

import os
import sys
import traceback

IMAP = (os.environ.get("IMAP_HOST", "127.0.0.1"), int(os.environ.get("IMAP_PORT", "1143")))
SMTP = (os.environ.get("SMTP_HOST", "127.0.0.1"), int(os.environ.get("SMTP_PORT", "1025")))
USER = os.environ.get("MAIL_USER", "demo@example.com")
PASSWORD = os.environ.get("MAIL_PASSWORD", "demo")


class Checks:
    """Prints PASS or FAIL for each check and the summary at the end."""

    def __init__(self, client):
        self.client, self.passed, self.failed = client, 0, 0

    def check(self, name, ok, detail=""):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'PASS' if ok else 'FAIL'} {self.client}: {name}")
        if not ok and detail != "":
            print("   ", str(detail)[:2000])
        sys.stdout.flush()
        return ok

    def equal(self, name, got, want):
        return self.check(name, got == want, f"got:  {got!r}\n    want: {want!r}")

    def raises(self, name, kind, call, test=lambda e: True):
        """The call must fail with this kind of exception, for which test holds."""
        try:
            got = call()
        except kind as e:
            return self.check(name, test(e), repr(e))
        return self.check(name, False, f"no error but {got!r}")

    def run(self, *parts):
        """Runs the parts of a session; one that breaks off counts as failed and the next goes on."""
        for part in parts:
            try:
                part()
            except Exception:
                self.check(f"{part.__name__} comes to its end", False, traceback.format_exc())
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed or not self.passed else 0)
