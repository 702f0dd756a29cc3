"""The simulated Graph of the demo from Outlook's side, by its control interface: deliveries, faults, what is there."""

import base64
import email
import email.policy
import json
import os
import ssl
import urllib.parse
import urllib.request

URL = os.environ.get("GRAPH_URL", "")
CA = os.environ.get("GRAPH_CA", "")


def control(method, path, data=None, **query):
    """One request below /_sim/; data is JSON, or bytes that go as they are."""
    if not URL or not CA:
        raise SystemExit("GRAPH_URL and GRAPH_CA are missing: mail2graph demo --graph 127.0.0.1:8443 --ca-out ca.pem")
    if data is not None and not isinstance(data, bytes):
        data = json.dumps(data).encode()
    if query:
        path += "?" + urllib.parse.urlencode(query)
    request = urllib.request.Request(f"{URL}/_sim/{path}", data, method=method)
    with urllib.request.urlopen(request, timeout=60, context=ssl.create_default_context(cafile=CA)) as answer:
        body = answer.read()
    return json.loads(body) if body else None


def add_mailbox(address):
    control("POST", "mailboxes", {"address": address, "displayName": address.split("@")[0].title()})


def deliver(address, message, folder="inbox"):
    control("POST", f"mailboxes/{address}/deliver", message, folder=folder)


def messages(address, folder):
    return control("GET", f"mailboxes/{address}/messages", folder=folder)


def deliveries(message_id):
    """The recipients and the text of each time that a message went out."""
    found = []
    for d in control("GET", "deliveries") or []:
        text = base64.b64decode(d["mime"])
        head = email.message_from_bytes(text[:65536], policy=email.policy.default)
        if str(head["Message-ID"]).strip() == message_id:
            found.append((d["recipients"], text))
    return found


def limits(**changes):
    """Changes some of the service's limits; -1 is none. Returns what they were."""
    now = control("GET", "limits")
    control("PUT", "limits", {**now, **changes})
    return {name: now[name] for name in changes}
