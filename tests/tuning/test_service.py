"""The chief's service: who knows the secret is answered, and nobody else is in anyone's way."""

import contextlib
import math
import queue
import socket
import threading
import time
from pathlib import Path

import pytest

from keras_dlnotes.tuning import messages, secret, service
from keras_dlnotes.tuning.messages import ANSWER, QUESTION, AuthenticationError, Conversation
from keras_dlnotes.tuning.service import Endpoint, NoChiefError, RefusedError, Service, ask
from tests.tuning.addresses import free_port

NUMBERS = [0.1, 1e-300, math.pi, float("inf"), 2**70, -0.0]


@pytest.fixture(params=["unix", "tcp"])
def endpoint(request, tmp_path):
    path = tmp_path / secret.SECRET
    secret.ensure_secret(path)
    place = tmp_path / "chief" if request.param == "unix" else f"127.0.0.1:{free_port()}"
    return Endpoint(str(place), str(path))


@pytest.fixture
def asked(endpoint):
    """The questions that a service has answered, each by itself and some numbers."""
    questions = []
    chief = Service(endpoint)
    ends = threading.Event()

    def respond(question):
        questions.append(question)
        return {"question": question, "numbers": NUMBERS}

    def serve():
        while not ends.is_set():
            chief.answer(respond, 0.05)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield questions
    ends.set()
    thread.join()
    chief.close()


def another_secret(endpoint, folder):
    secret.ensure_secret(folder / "another")
    return Endpoint(endpoint.address, str(folder / "another"))


def assert_answers(endpoint):
    started = time.monotonic()
    assert ask(endpoint, seconds=5.0, call="x")["question"] == {"call": "x"}
    assert time.monotonic() - started < 2.0


def test_numbers_travel_whole(endpoint, asked):
    assert ask(endpoint, call="create_trial")["numbers"] == NUMBERS
    assert asked == [{"call": "create_trial"}]


def test_another_secret_is_refused_at_once_on_both_sides(endpoint, asked, tmp_path, caplog):
    for _ in range(4):
        with pytest.raises(AuthenticationError, match="not authenticated by the secret"):
            ask(another_secret(endpoint, tmp_path), call="create_trial", worker="worker0")
    assert asked == []
    assert caplog.text.count("Rejected a client") == 1
    assert_answers(endpoint)


def test_what_was_overheard_is_of_no_use_again(endpoint, asked, monkeypatch):
    sent = []
    write = Conversation._write
    monkeypatch.setattr(
        Conversation, "_write", lambda self, content: (sent.append(content), write(self, content))
    )
    ask(endpoint, call="create_trial")
    heard = [
        content for content in sent if b"create_trial" in content and b"numbers" not in content
    ]
    own = [content for content in sent if len(content) == messages.RANDOM_BYTES]
    assert len(heard) == 1 and len(own) == 2
    for number in own:
        with service._connection(endpoint.address) as connection:
            connection.recv(messages.RANDOM_BYTES)
            connection.sendall(number + heard[0])
            assert connection.recv(100) == bytes(messages.HEAD.size)
    assert len(asked) == 1


def say(*parts):
    def speak(connection):
        for part in parts:
            connection.sendall(part)

    return speak


def close_one_way(connection):
    connection.shutdown(socket.SHUT_WR)


HEAD = messages.HEAD.pack(b"x" * 32, 10)
STRANGERS = {
    "silent": say(),
    "half a number": say(b"x" * 5),
    "no message": say(b"x" * 32),
    "half a head": say(b"x" * 32, HEAD[:7]),
    "half a message": say(b"x" * 32, HEAD, b"{}"),
    "a wrong seal": say(b"x" * 32, HEAD, b'{"call":1}'),
    "too long": say(b"x" * 32, messages.HEAD.pack(b"x" * 32, 2**32 - 1)),
    "garbage": say(bytes(range(256)) * 200),
    "HTTP": say(b"POST /CreateTrial HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\nabc"),
    "closed": close_one_way,
}


@pytest.mark.parametrize("speak", STRANGERS.values(), ids=STRANGERS)
def test_a_stranger_is_in_nobody_s_way(speak, endpoint, asked):
    with service._connection(endpoint.address) as connection:
        with contextlib.suppress(OSError):  # the service may have hung up
            speak(connection)
        assert_answers(endpoint)
        assert asked == [{"call": "x"}]


def test_many_silent_callers_are_in_nobody_s_way(endpoint, asked, monkeypatch):
    monkeypatch.setattr(service, "MAX_CONNECTIONS", 8)
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(service._connection(endpoint.address))
        for _ in range(3):
            assert_answers(endpoint)


def test_a_silent_or_slow_caller_is_left_in_time(endpoint, asked, monkeypatch):
    monkeypatch.setattr(service, "ASK_SECONDS", 0.3)
    started = time.monotonic()
    with service._connection(endpoint.address) as connection:
        connection.settimeout(5.0)
        connection.recv(messages.RANDOM_BYTES)
        with pytest.raises(OSError):
            while True:
                connection.sendall(b"x")  # never a whole message
                time.sleep(0.05)
    assert time.monotonic() - started < 3.0


@pytest.mark.parametrize(
    "text", [b"", b"{", b"\xff", b"[" * 4000], ids=["empty", "open", "no text", "deep"]
)
def test_a_message_that_is_no_json_is_refused(text, endpoint, asked):
    with service._connection(endpoint.address) as connection:
        conversation = Conversation(connection, secret.read_secret(Path(endpoint.secret)), 5.0)
        conversation.reply()
        seal = conversation._hmac(QUESTION, text)
        conversation._write(messages.HEAD.pack(seal, len(text)) + text)
        with pytest.raises(AuthenticationError):
            conversation.receive(ANSWER)
    assert_answers(endpoint)
    assert asked == [{"call": "x"}]


def test_a_chief_that_is_not_there(endpoint):
    started = time.monotonic()
    with pytest.raises(NoChiefError, match="No chief answers at"):
        ask(endpoint, seconds=0.5, call="x")
    assert 0.4 < time.monotonic() - started < 3.0


def test_a_chief_without_a_secret_yet(endpoint, tmp_path):
    with pytest.raises(NoChiefError):
        ask(Endpoint(endpoint.address, str(tmp_path / "none")), seconds=0.1, call="x")


def test_a_chief_that_vanishes_in_the_middle(endpoint, monkeypatch):
    """It takes the connection and says nothing, as a machine that has lost its power."""
    monkeypatch.setattr(service, "ANSWER_SECONDS", 0.3)
    listener = service._listener(endpoint.address)
    with pytest.raises(NoChiefError, match=r"too slow|timed out"):
        ask(endpoint, seconds=0.5, call="x")
    listener.close()


def test_somebody_else_where_the_chief_should_be(endpoint):
    listener = service._listener(endpoint.address)

    def greet():
        connection, _ = listener.accept()
        connection.sendall(b"SSH-2.0-OpenSSH_9.6 and more than 32 bytes" * 10)
        time.sleep(1.0)
        connection.close()

    threading.Thread(target=greet, daemon=True).start()
    with pytest.raises(AuthenticationError):
        ask(endpoint, call="x")
    listener.close()


def test_a_question_whose_time_is_over_is_not_answered(endpoint):
    chief = Service(endpoint)
    with service._connection(endpoint.address) as connection:
        late = Conversation(connection, b"", -1.0)
        chief._pending.put(service._Pending({}, late))
        chief.answer(lambda question: pytest.fail("answered"), 1.0)
    chief.close()


def outcome_of(call):
    """Runs a call beside the test; what it returns or raises comes through the queue."""
    found = queue.SimpleQueue()

    def run():
        try:
            found.put(call())
        except Exception as error:
            found.put(error)

    threading.Thread(target=run, daemon=True).start()
    return found


def test_what_goes_wrong_in_the_oracle_ends_the_chief(endpoint):
    chief = Service(endpoint)
    outcome_of(lambda: ask(endpoint, seconds=0.1, call="x"))
    with pytest.raises(ZeroDivisionError):
        chief.answer(lambda question: 1 / 0, 5.0)
    chief.close()


def test_a_refusal_has_its_reason(endpoint):
    chief = Service(endpoint)
    found = outcome_of(lambda: ask(endpoint, call="x"))
    chief.answer(lambda question: {"refused": "for a reason"}, 5.0)
    error = found.get(timeout=5.0)
    assert isinstance(error, RefusedError) and str(error) == "for a reason"
    chief.close()


@pytest.mark.parametrize("address", ["node7", ":1", "node7:", "node7:0", "node7:65536", "node7:٣"])
def test_what_is_no_address(address):
    with pytest.raises(ValueError, match="HOST:PORT"):
        service.split_address(address)
