import base64
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["SECRET"].removeprefix("whsec_"))
seen = set()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if not self.is_signed(body):
            self.say(401)
            return
        told = json.loads(body)
        if told["eventType"] == "webhook.challenge":
            self.say(200, {"challenge": told["payload"]["challenge"]})
            return
        if self.headers["webhook-id"] not in seen:
            seen.add(self.headers["webhook-id"])
            order = told["payload"]
            print(order["sequence"], told["eventType"], order["status"], flush=True)
        self.say(202)

    def is_signed(self, body):
        name, at = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        wanted = base64.b64encode(hmac.digest(KEY, f"{name}.{at}.".encode() + body, "sha256"))
        given = [one.partition(",")[2] for one in self.headers["webhook-signature"].split()]
        is_fresh = abs(time.time() - int(at)) < 300
        return is_fresh and any(hmac.compare_digest(wanted, one.encode()) for one in given)

    def say(self, status, document=None):
        body = json.dumps(document).encode() if document else b""
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("", int(os.environ["PORT"])), Receiver).serve_forever()
