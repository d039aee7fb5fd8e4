import http.server
import socket
import threading
import time

import numpy as np
import pytest
import requests
import tensorflow_datasets as tfds

from keras_dlnotes import data
from keras_dlnotes.data import full


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*arguments, **options):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def tiny_mnist(monkeypatch):
    """TFDS's MNIST with ten black images instead of its download, and a server that answers."""
    examples = {key: {"image": np.zeros((28, 28, 1), np.uint8), "label": key} for key in range(10)}
    builder_class = tfds.builder_cls("mnist")
    monkeypatch.setattr(
        builder_class, "_split_generators", lambda self, manager: {"train": examples.items()}
    )
    monkeypatch.setattr(full, "answers", lambda url, seconds: True)
    return builder_class


def test_offline_says_what_to_do(no_network, tmp_path):
    with pytest.raises(data.DataUnavailableError) as caught:
        data.load("tfds:mnist", data_dir=tmp_path)
    message = str(caught.value)
    assert message.startswith(f"Data set 'tfds:mnist' is not prepared in {tmp_path} and cannot")
    assert "storage.googleapis.com does not answer" in message
    assert f"tfds.load('mnist', data_dir='{tmp_path}')" in message
    assert "(digits, mnist_subset, " in message
    assert "\n" not in message


def test_name_server_that_hangs_costs_less_than_three_seconds(monkeypatch, tmp_path):
    end = threading.Event()

    def hang(*arguments, **options):
        end.wait(30)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    start = time.monotonic()
    with pytest.raises(data.DataUnavailableError, match="does not answer"):
        data.load("tfds:mnist", data_dir=tmp_path)
    assert time.monotonic() - start < 3
    end.set()


def test_server_that_accepts_and_is_silent_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as server:
        start = time.monotonic()
        assert not full.answers(f"http://127.0.0.1:{server.getsockname()[1]}", 0.2)
        assert time.monotonic() - start < 1


def test_closed_port_is_told_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    start = time.monotonic()
    assert not full.answers(f"http://127.0.0.1:{port}", 5)
    assert time.monotonic() - start < 2


def test_any_status_is_an_answer():
    class Forbidding(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(403)

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Forbidding) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        assert full.answers(f"http://127.0.0.1:{server.server_port}", 5)
        server.shutdown()
        thread.join()


def test_prepared_copy_needs_no_network(tiny_mnist, monkeypatch, tmp_path, capfd):
    data.builder("tfds:mnist", tmp_path)
    output, errors = capfd.readouterr()
    assert output == ""
    assert "Downloading and preparing" in errors

    monkeypatch.setattr(full, "answers", lambda url, seconds: pytest.fail("asked the network"))
    train = data.load("tfds:mnist", "train", tmp_path)
    assert sorted(train["label"]) == list(range(10))
    assert list(data.load("tfds:mnist", data_dir=tmp_path)) == ["train"]


def test_failed_preparation_says_why_and_what_to_do(tiny_mnist, monkeypatch, tmp_path):
    def fail(self, manager):
        raise requests.ConnectionError("reset by peer\nand more")

    monkeypatch.setattr(tiny_mnist, "_split_generators", fail)
    with pytest.raises(data.DataUnavailableError) as caught:
        data.load("tfds:mnist", data_dir=tmp_path)
    assert "(ConnectionError: reset by peer): run `python -c" in str(caught.value)


def test_incomplete_folder_of_others_is_left_alone(tiny_mnist, tmp_path):
    file = tmp_path / "mnist" / "3.0.1" / "of somebody"
    file.parent.mkdir(parents=True)
    file.write_text("precious")
    with pytest.raises(data.DataUnavailableError, match=r"3\.0\.1 is incomplete and must be remov"):
        data.load("tfds:mnist", data_dir=tmp_path)
    assert file.read_text() == "precious"


@pytest.mark.parametrize(
    "name",
    [
        "tfds:",
        "tfds:no_such",
        "tfds:mnist/no_config",
        "tfds:kaggle:mnist",
        "tfds:huggingface:mnist",
    ],
)
def test_unknown_name_says_where_the_known_ones_are(name, no_network, tmp_path):
    with pytest.raises(ValueError, match=r"Argument `name` must be 'tfds:' .*tfds\.list_builders"):
        data.load(name, data_dir=tmp_path)
