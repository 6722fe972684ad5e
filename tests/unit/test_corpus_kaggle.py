"""La descarga de Kaggle: con un kagglehub fingido y con el verdadero contra un servidor local."""

import io
import json
import sys
import threading
import types
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests
from kagglesdk import kaggle_env

from vinogpt.corpus import KAGGLE_DATASET, KAGGLE_FILE, CorpusError, load_reviews

RECORD = {"country": "US", "province": "California", "variety": "Merlot", "description": "Oak."}
REVIEWS = ["wine review : US : California : Merlot : Oak."]


# --- kagglehub fingido ------------------------------------------------------------------------


def fake_kagglehub(monkeypatch, answer):
    """Pone en su lugar un módulo cuya descarga devuelve ``answer`` o lanza ese error."""

    def dataset_download(handle, path):
        assert (handle, path) == (KAGGLE_DATASET, KAGGLE_FILE)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    module = types.SimpleNamespace(dataset_download=dataset_download)
    monkeypatch.setitem(sys.modules, "kagglehub", module)


def http_error(status):
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status} Client Error", response=response)


def test_reads_the_downloaded_file(monkeypatch, tmp_path):
    path = tmp_path / KAGGLE_FILE
    path.write_text(json.dumps([RECORD]), encoding="utf-8")
    fake_kagglehub(monkeypatch, path)
    assert load_reviews("kaggle") == REVIEWS


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (http_error(401), "no acepta tus credenciales"),
        (http_error(403), "no acepta tus credenciales"),
        (ValueError("Invalid Kaggle credentials file at kaggle.json"), "tus credenciales"),
        (http_error(404), f"no contiene {KAGGLE_FILE}"),
        (ValueError(f"'{KAGGLE_FILE}' is not present in the dataset files."), "no contiene"),
        (requests.ConnectionError("Max retries exceeded"), "No hay conexión con Kaggle"),
        (requests.Timeout("Read timed out"), "No hay conexión con Kaggle"),
        (http_error(500), r"ha fallado \(500 Client Error\)"),
        (OSError(28, "No space left on device"), "ha fallado .*No space left"),
    ],
)
def test_every_failure_says_what_to_do(monkeypatch, error, message):
    fake_kagglehub(monkeypatch, error)
    with pytest.raises(CorpusError, match=f"{message}.*descargar el .zip desde https://"):
        load_reviews("kaggle")


def test_without_kagglehub_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(CorpusError, match="pip install kagglehub"):
        load_reviews("kaggle")


def test_a_download_without_the_file(monkeypatch, tmp_path):
    fake_kagglehub(monkeypatch, tmp_path / KAGGLE_FILE)
    with pytest.raises(CorpusError, match=f"No existe .*{KAGGLE_FILE}"):
        load_reviews("kaggle")


# --- kagglehub verdadero ----------------------------------------------------------------------


class Kaggle(BaseHTTPRequestHandler):
    """Como el de verdad: la petición de descarga redirige a un .zip con el archivo pedido."""

    def do_POST(self):
        status = self.server.status
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"/files/{KAGGLE_FILE}.zip")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as out:
            out.writestr(KAGGLE_FILE, json.dumps([RECORD]))
        self.send_response(200)
        self.send_header("Content-Type", "application/zip")
        self.end_headers()
        self.wfile.write(archive.getvalue())

    def log_message(self, *args):
        """No escribe nada en la pantalla."""


@pytest.fixture
def kaggle(monkeypatch, tmp_path):
    """Servidor local en el lugar de Kaggle, sin credenciales y con la caché vacía."""
    server = HTTPServer(("127.0.0.1", 0), Kaggle)
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.LOCAL, address)
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_real_download_and_then_the_cached_copy_without_network(kaggle):
    kaggle.status = 302
    assert load_reviews("kaggle") == REVIEWS
    kaggle.status = 500
    assert load_reviews("kaggle") == REVIEWS


@pytest.mark.parametrize(
    ("status", "message"),
    [(401, "credenciales"), (403, "credenciales"), (404, "no contiene"), (500, "ha fallado")],
)
def test_real_answers_of_a_server(kaggle, status, message):
    kaggle.status = status
    with pytest.raises(CorpusError, match=message):
        load_reviews("kaggle")


def test_real_refused_connection(kaggle, monkeypatch):
    closed = "http://127.0.0.1:9"
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.LOCAL, closed)
    with pytest.raises(CorpusError, match="No hay conexión con Kaggle"):
        load_reviews("kaggle")
