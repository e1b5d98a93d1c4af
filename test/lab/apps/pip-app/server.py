# A small web server: /health says ok, / greets, with the environment's GREETING and the version of its one dependency.
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import six


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        known = {"/health": "ok", "/": f"{os.environ.get('GREETING', 'hello')} from six {six.__version__}"}
        self.send_response(200 if self.path in known else 404)
        self.end_headers()
        self.wfile.write(f"{known.get(self.path, 'not found')}\n".encode())


port = int(os.environ.get("PORT", "8000"))
print(f"listens on {port}", flush=True)
ThreadingHTTPServer(("", port), Answer).serve_forever()
