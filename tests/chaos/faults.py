"""The ways in which ``fault_proxy`` harms a request.

Each is a function of the exchange that tells whether the connection goes on. Those that answer in
the server's place never hand the request on: who takes such an answer for a receipt loses the
batch. Those that hand it on and spoil the answer make the client send it again: who does not
recognise it then stores it twice.
"""

import gzip
import socket

from tests.chaos.http_message import Message

ODD_RETRY_AFTER = (
    "abc",
    "-1",
    "0",
    "",
    "1.5",
    "2",
    "1e3",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "9" * 40,
)
_SPACES = gzip.compress(b" " * 20_000_000, 6, mtime=0)


def pass_on(x) -> bool:
    answer = x.forward()
    x.remember(answer)
    x.send(answer.raw)
    return True


# Nothing reaches the server


def cut_before(_) -> bool:
    return False


def reset_before(x) -> bool:
    x.reset()
    return False


def half_request(x) -> bool:
    request = x.request
    try:
        with socket.create_connection(x.proxy.upstream, 5) as upstream:
            upstream.sendall(request.head + request.body[: len(request.body) // 2])
    except OSError:
        x.proxy.count("server_away")
    return False


def damaged_request(x) -> bool:
    body = bytearray(x.request.body)
    if body:
        body[len(body) // 2] ^= 0x10
    x.send(x.forward(x.request._replace(body=bytes(body))).raw)
    return True


def captive_portal(x) -> bool:
    page = b"<!doctype html><title>Welcome</title><p>Please log in to use this network."
    return x.answer(200, page, {"Content-Type": "text/html"})


def portal_as_json(x) -> bool:
    return x.answer(200, b"<html>Welcome</html>")


def empty_200(x) -> bool:
    return x.answer(200)


def other_json(x) -> bool:
    return x.answer(200, {"ok": True})


def wrong_batch_id(x) -> bool:
    return x.answer(200, x.verdict(batch_id="0" * 32))


def no_batch_id(x) -> bool:
    return x.answer(200, {"inserted": x.size, "duplicates": 0, "conflicts": []})


def too_few(x) -> bool:
    return x.answer(200, x.verdict(inserted=x.size - 1))


def too_many(x) -> bool:
    return x.answer(200, x.verdict(duplicates=1))


def conflict_out_of_range(x) -> bool:
    return x.answer(200, x.verdict(inserted=x.size - 1, conflicts=[x.size]))


def conflict_negative(x) -> bool:
    return x.answer(200, x.verdict(inserted=x.size - 1, conflicts=[-1]))


def accepted_202(x) -> bool:
    return x.answer(202, x.verdict())


def no_content_204(x) -> bool:
    x.send(b"HTTP/1.1 204 No Content\r\n\r\n")
    return True


def former_answer(x) -> bool:
    x.send(x.former() or Message.answer(200, x.verdict(batch_id="f" * 32)).raw)
    return True


def gzip_bomb(x) -> bool:
    bomb = gzip.compress(x.verdict()) + _SPACES  # unpacked: the proof, and 20 MB of blanks
    return x.answer(200, bomb, {"Content-Encoding": "gzip"})


def huge_answer(x) -> bool:
    # Cut at the client's limit, it would be the proof.
    x.answer(200, x.verdict() + b" " * 200_000)
    return False


def header_flood(x) -> bool:
    flood = {f"X-{i}": "x" * 60 for i in range(300)}
    x.answer(200, x.verdict(), flood)
    return False


def no_http(x) -> bool:
    x.send(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    return False


def garbage_inside_tls(x) -> bool:
    x.send_below_tls(b"\x17\x03\x03\x00\x20" + bytes(range(32)))
    return False


def _redirect(status: int, scheme: str):
    def fault(x) -> bool:
        place = f"{scheme}://localhost:{x.proxy.trap_port}/v1/ingest"
        return x.answer(status, x.verdict(), {"Location": place})

    return fault


def _status(status: int, content: object = b"<h1>no</h1>"):
    def fault(x) -> bool:
        return x.answer(status, content)

    return fault


def bad_request_400(x) -> bool:
    # Everything that would park a sample, were it a 422.
    return x.answer(400, {"batch_id": x.batch_id, "detail": [_place(0)]})


def unprocessable_422_without_batch_id(x) -> bool:
    return x.answer(422, {"detail": [_place(0)]})


def unprocessable_422_of_another_batch(x) -> bool:
    return x.answer(422, {"batch_id": "0" * 32, "detail": [_place(0)]})


def unprocessable_422_naming_nothing(x) -> bool:
    whole = {"loc": ["body"], "msg": "no", "type": "x"}
    return x.answer(422, {"batch_id": x.batch_id, "detail": [whole, _place(x.size)]})


def too_many_requests_429(x) -> bool:
    odd = ODD_RETRY_AFTER[int(x.proxy.roll(0, len(ODD_RETRY_AFTER) - 1e-9))]
    return x.answer(429, {"detail": "slowly"}, {"Retry-After": odd})


def _place(index: int) -> dict:
    return {"loc": ["body", "samples", index, "pv_power_w"], "msg": "no", "type": "out_of_range"}


# The server commits, and the client does not hear of it, or hears it wrong


def cut_after(x) -> bool:
    x.forward()
    return False


def reset_after(x) -> bool:
    x.forward()
    x.reset()
    return False


def silence_after(x) -> bool:
    x.forward()
    x.wait_until_gone()
    return False


def half_head(x) -> bool:
    answer = x.forward()
    x.send(answer.head[: int(x.proxy.roll(1, len(answer.head) - 1))])
    return False


def half_answer_with_length(x) -> bool:
    answer = x.forward()
    x.send(answer.head + answer.body[: int(x.proxy.roll(0, max(len(answer.body) - 2, 0)))])
    return False


def half_answer_without_length(x) -> bool:
    answer = x.forward().without("content-length").without("connection")
    x.send(answer.head + answer.body[: int(x.proxy.roll(0, max(len(answer.body) - 2, 0)))])
    return False


def drip(x) -> bool:
    for byte in x.forward().raw:
        if x.proxy.stopping.wait(0.02):
            break
        x.send(bytes([byte]))
    return False


def commit_then_500(x) -> bool:
    x.forward()
    return x.answer(500, {"detail": "internal error"})


def commit_then_portal(x) -> bool:
    x.forward()
    return captive_portal(x)


# Delivered more than once, or late


def delivered_twice(x) -> bool:
    x.forward()
    return pass_on(x)


def delivered_twice_at_once(x) -> bool:
    x.proxy.later(0.0, x.forward)
    return pass_on(x)


def delivered_after_the_client_has_gone(x) -> bool:
    x.proxy.later(x.proxy.roll(0.05, 1.0), x.forward)
    return False


def answered_twice(x) -> bool:
    # The second answer waits in the connection for the next request.
    answer = x.forward()
    x.send(answer.raw + answer.raw)
    return True


# Before TLS


def garbage_before_tls(peer: socket.socket) -> None:
    peer.sendall(b"\x00\xffHTTP/1.0 200 OK\r\n\r\n{}")


def cut_in_handshake(peer: socket.socket) -> None:
    peer.recv(64)


def reset_in_handshake(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


BEFORE_TLS = {
    fault.__name__: fault for fault in (garbage_before_tls, cut_in_handshake, reset_in_handshake)
}
FAULTS = {
    fault.__name__: fault
    for fault in (
        *(cut_before, reset_before, half_request, damaged_request, captive_portal),
        *(portal_as_json, empty_200, other_json, wrong_batch_id, no_batch_id, too_few, too_many),
        *(conflict_out_of_range, conflict_negative, accepted_202, no_content_204, former_answer),
        *(gzip_bomb, huge_answer, header_flood, no_http, garbage_inside_tls, bad_request_400),
        *(unprocessable_422_without_batch_id, unprocessable_422_of_another_batch),
        *(unprocessable_422_naming_nothing, too_many_requests_429),
        *(cut_after, reset_after, silence_after, half_head, half_answer_with_length),
        *(half_answer_without_length, drip, commit_then_500, commit_then_portal),
        *(delivered_twice, delivered_twice_at_once, delivered_after_the_client_has_gone),
        answered_twice,
    )
}
FAULTS |= {
    f"redirect_{status}_to_{scheme}": _redirect(status, scheme)
    for status in (301, 302, 307, 308)
    for scheme in ("http", "https")
}
FAULTS |= {f"status_{s}": _status(s) for s in (401, 403, 404, 405, 410, 413, 500, 502, 503, 504)}
