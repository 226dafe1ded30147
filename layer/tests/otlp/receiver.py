"""A receiver of OTLP logs that is not ours: OpenTelemetry's own messages, Google's own gRPC, over HTTP and gRPC.

receiver.py PLAN OUT HTTP_PORT GRPC_PORT [CERTIFICATE KEY] listens on 127.0.0.1 and prints the two ports. Each record it takes becomes a
line of JSON in OUT. What it does with a request is the first line of the file PLAN, which is then taken off; with no
line left it takes everything:

  status N [SECONDS]   HTTP N, or gRPC's code N, with Retry-After or RetryInfo
  partial N            takes all but the last N records, and says so
  vanish               takes the records, and breaks the connection off before it answers
  html                 HTTP 200 with a page
"""

import gzip
import json
import os
import ssl
import sys
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from google.protobuf import any_pb2, duration_pb2
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as service
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as service_grpc

plan_file, out_file = sys.argv[1:3]
ports = [int(port) for port in sys.argv[3:5]]
tls = sys.argv[5:7]
lock = threading.Lock()


def value(any_value):
    kind = any_value.WhichOneof("value")
    if kind == "array_value":
        return [value(item) for item in any_value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: value(item.value) for item in any_value.kvlist_value.values}
    return None if kind is None else {kind.removesuffix("_value"): getattr(any_value, kind)}


def attributes(items):
    keys = [item.key for item in items]
    assert len(keys) == len(set(keys)), "a key stands twice"
    return {item.key: value(item.value) for item in items}


def records(request, about):
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            for log in scope.log_records:
                yield {
                    "about": about,
                    "resource": attributes(resource.resource.attributes),
                    "scope": scope.scope.name,
                    "time": log.time_unix_nano,
                    "observed": log.observed_time_unix_nano,
                    "severity": log.severity_number,
                    "severity_text": log.severity_text,
                    "event_name": log.event_name,
                    "body": value(log.body),
                    "attributes": attributes(log.attributes),
                    "trace_id": log.trace_id.hex(),
                    "span_id": log.span_id.hex(),
                    "flags": log.flags,
                }


def next_step():
    try:
        with open(plan_file) as plan:
            lines = plan.read().splitlines()
    except FileNotFoundError:
        lines = []
    if lines:
        with open(plan_file + ".new", "w") as rest:
            rest.writelines(line + "\n" for line in lines[1:])
        os.rename(plan_file + ".new", plan_file)
    return lines[0].split() if lines else ["take"]


def take(request, about):
    """The step of the plan, and the answer if the request is taken."""
    with lock:
        step = next_step()
        answer = service.ExportLogsServiceResponse()
        if step[0] in ("take", "partial", "vanish"):
            taken = list(records(request, about))
            if step[0] == "partial":
                rejected = int(step[1])
                taken = taken[: len(taken) - rejected]
                answer.partial_success.rejected_log_records = rejected
                answer.partial_success.error_message = "too much"
            with open(out_file, "a") as out:
                out.writelines(json.dumps(record) + "\n" for record in taken)
        return step, answer


class Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        encoding = self.headers.get("Content-Encoding", "")
        if self.path != "/v1/logs" or self.headers["Content-Type"] != "application/x-protobuf":
            return self.answer(404, b"", "text/plain")
        if encoding == "gzip":
            body = gzip.decompress(body)
        request = service.ExportLogsServiceRequest.FromString(body)
        about = {"protocol": "http", "encoding": encoding, "token": self.headers.get("x-token", "")}
        step, answer = take(request, about)
        if step[0] == "vanish":
            self.close_connection = True
            return None
        if step[0] == "html":
            return self.answer(200, b"<html>log in</html>", "text/html")
        if step[0] == "status":
            headers = {"Retry-After": step[2]} if len(step) > 2 else {}
            return self.answer(int(step[1]), b"no", "text/plain", headers)
        return self.answer(200, answer.SerializeToString(), "application/x-protobuf")

    def answer(self, code, body, kind, headers=None):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def status_details(code, seconds):
    """google.rpc.Status with a RetryInfo, whose messages are too few to install a package for."""
    delay = duration_pb2.Duration(seconds=int(seconds)).SerializeToString()
    info = any_pb2.Any(type_url="type.googleapis.com/google.rpc.RetryInfo", value=b"\x0a" + bytes([len(delay)]) + delay)
    packed = info.SerializeToString()
    return b"\x08" + bytes([code]) + b"\x1a" + bytes([len(packed)]) + packed


class Grpc(service_grpc.LogsServiceServicer):
    def Export(self, request, context):
        metadata = dict(context.invocation_metadata())
        about = {"protocol": "grpc", "encoding": "", "token": metadata.get("x-token", "")}
        step, answer = take(request, about)
        if step[0] == "vanish":
            context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
        if step[0] == "status":
            code = int(step[1])
            if len(step) > 2:
                context.set_trailing_metadata([("grpc-status-details-bin", status_details(code, step[2]))])
            context.abort(next(known for known in grpc.StatusCode if known.value[0] == code), "no")
        return answer


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Clients that are killed are what the tests are about."""


http = Server(("127.0.0.1", ports[0]), Http)
if tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls)
    http.socket = context.wrap_socket(http.socket, server_side=True)
server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=[("grpc.so_reuseport", 0)])
service_grpc.add_LogsServiceServicer_to_server(Grpc(), server)
address = f"127.0.0.1:{ports[1]}"
if tls:
    certificate, key = (open(path, "rb").read() for path in tls)
    grpc_port = server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)]))
else:
    grpc_port = server.add_insecure_port(address)
server.start()
print(http.server_port, grpc_port, flush=True)
http.serve_forever()
