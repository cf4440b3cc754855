#!/usr/bin/env python3
"""A server that behaves like the Hugging Face Hub, faults included; for download.sh.

    fake-hub.py FOLDER LOG

Serves the models FOLDER/tiny and FOLDER/small, at one commit. Files of 100 kB or more are "large": for them the Hub
redirects to a store, which is another port, wants no token, and answers 400 to one. The first line printed is the Hub's
address. LOG gets a line a request: hub or store, path, first byte asked for, "token" if one came with it, status.

What is before the slash in the model's name says how the server behaves (the first has the model tiny, the others small):

    tiny     as it should
    plain    so too
    moved    redirects to plain, on the same host
    cut      the connection breaks in the middle of a large file, once a file
    norange  so too, and the store sends whole files only
    damaged  a file's first transfer has a wrong byte
    rotten   every transfer of a large file has one
    busy     503 to the first request
    slow     large files come in pieces, over a second
    private  401 without the token hf_right, 404 with it for other commits than main
    gated    403
    escaping lists a file outside of its folder
"""

import hashlib
import json
import pathlib
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LARGE = 100_000
KINDS = "tiny plain cut norange damaged rotten busy slow private escaping".split()
COMMIT = "5617a9f61b028005a4858fdac845db406aefb181"

models, log = pathlib.Path(sys.argv[1]), open(sys.argv[2], "a")
seen = Counter()
lock = threading.Lock()


def times(what):
    """How often this was called with `what` before."""
    with lock:
        seen[what] += 1
        return seen[what] - 1


def folder(kind):
    return models / ("tiny" if kind == "tiny" else "small")


def siblings(folder):
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        file = {"rfilename": str(path.relative_to(folder)), "size": len(content), "blobId": blob}
        if len(content) >= LARGE:
            file["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
        yield file


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20

    def log_message(self, *_):
        pass

    @property
    def token(self):
        return self.headers.get("Authorization")

    @property
    def start(self):
        """The first byte that is asked for."""
        return int(self.headers.get("Range", "bytes=0-")[len("bytes="):].split("-")[0])

    def answer(self, status, content=b"", **headers):
        with lock:
            print(self.server.role, self.path, self.start, "token" if self.token else "-", status, file=log, flush=True)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return content

    def do_GET(self):
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        try:
            (self.hub if self.server.role == "hub" else self.store)(parts)
        except BrokenPipeError:
            pass

    def hub(self, parts):
        if parts[:2] == ["api", "models"]:
            kind, name, *rest = parts[2:]
        else:
            kind, name, *rest = parts
        if kind == "moved":
            return self.answer(307, Location=self.path.replace("/moved/", "/plain/"))
        if kind == "gated":
            return self.answer(403, X_Error_Code="GatedRepo")
        if kind == "private" and self.token != "Bearer hf_right":
            return self.answer(401, X_Error_Code="RepoNotFound")
        if kind not in KINDS:
            return self.answer(404, X_Error_Code="RepoNotFound")
        if kind == "busy" and times("busy") == 0:
            return self.answer(503)
        if parts[0] == "api":
            return self.listing(kind, rest[1])
        self.file(kind, rest[1], pathlib.PurePosixPath(*rest[2:]))

    def listing(self, kind, revision):
        if revision not in ("main", "refs/pr/1", COMMIT):
            return self.answer(404, X_Error_Code="RevisionNotFound")
        files = list(siblings(folder(kind)))
        if kind == "escaping":
            files[0]["rfilename"] = "../../../../escaped"
        text = json.dumps({"id": f"{kind}/model", "sha": COMMIT, "siblings": files})
        self.wfile.write(self.answer(200, text.encode(), Content_Type="application/json"))

    def file(self, kind, commit, path):
        content = (folder(kind) / path).read_bytes()
        if commit != COMMIT:
            return self.answer(404, X_Error_Code="RevisionNotFound")
        if len(content) >= LARGE:
            store = f"http://127.0.0.1:{self.server.store.server_port}/{kind}/{path}?signature=X%2F"
            return self.wfile.write(self.answer(302, b"Found. Redirecting to the store", Location=store))
        self.send(kind, path, content)

    def store(self, parts):
        if self.token:
            return self.answer(400)
        kind, path = parts[0], pathlib.PurePosixPath(*parts[1:])
        self.send(kind, path, (folder(kind) / path).read_bytes())

    def send(self, kind, path, content):
        if kind == "rotten" or kind == "damaged" and times((kind, path)) == 0:
            content = content[:50] + bytes([content[50] ^ 1]) + content[51:]
        start = 0 if kind == "norange" else self.start
        if start > len(content):
            return self.answer(416)
        body = self.answer(206 if start else 200, content[start:], Content_Range=f"bytes {start}-/{len(content)}")
        if kind in ("cut", "norange") and len(content) >= LARGE and times((kind, path)) == 0:
            self.wfile.write(body[:LARGE // 2])
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)
        elif kind == "slow" and len(content) >= LARGE:
            for place in range(0, len(body), LARGE // 10):
                self.wfile.write(body[place:place + LARGE // 10])
                time.sleep(LARGE / 10 / len(content))
        else:
            self.wfile.write(body)


def server(role):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.role = role
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


hub, store = server("hub"), server("store")
hub.store = store
print(f"http://127.0.0.1:{hub.server_port}", flush=True)
threading.Event().wait()
