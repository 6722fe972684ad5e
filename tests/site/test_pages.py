"""Lo que cada página publicada lleva, leído del HTML."""

import re
import struct
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

from .conftest import PAGES, ROOT

NOTEBOOKS = [page for page in PAGES if (ROOT / f"{page}.ipynb").exists()]


def metadata(page):
    """Etiquetas <meta> de una página: nombre o propiedad → contenido."""
    tags = page.find_all("meta", content=True)
    return {tag.get("name") or tag.get("property"): tag["content"] for tag in tags}


def repository_file(repo, page):
    """Ruta de la fuente de una página dentro del repositorio."""
    return next(f"{page}{end}" for end in (".ipynb", ".md") if (repo / f"{page}{end}").exists())


def colab_url(config, path):
    owner_and_name = urlsplit(config["repository"]["url"]).path
    colab = config["launch_buttons"]["colab_url"]
    return f"{colab}/github{owner_and_name}/blob/{config['repository']['branch']}/{path}"


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_notebook_opens_in_colab_from_header_and_text(html, config, page):
    own = colab_url(config, f"{page}.ipynb")
    for part in (".article-header-buttons", "article"):
        assert html[page].select(f'{part} a[href="{own}"]'), f"falta el enlace a Colab en {part}"


@pytest.mark.parametrize("page", PAGES)
def test_every_colab_link_names_a_notebook_of_the_repository(html, repo, config, page):
    prefix = colab_url(config, "")
    for link in html[page].select("a[href*='colab.research.google.com/github']"):
        assert link["href"].startswith(prefix)
        assert (repo / link["href"].removeprefix(prefix)).suffix == ".ipynb"
        assert (repo / link["href"].removeprefix(prefix)).exists()


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_notebook_can_be_downloaded(html, site, page):
    link = html[page].find("a", download=True)
    target = (site / f"{page}.html").parent / unquote(link["href"])
    assert target.resolve() == site / "_sources" / f"{page}.ipynb"
    assert target.exists()


@pytest.mark.parametrize("page", PAGES)
def test_every_image_has_a_written_alternative(html, page):
    for image in html[page].select("article img"):
        alt = image.get("alt", "")
        assert len(alt) > 15, f"{image['src']}: falta el texto alternativo"
        assert not re.search(r"[/\\]|\.(png|svg|jpe?g)$|^<", alt), f"alt es una ruta: {alt}"


@pytest.mark.parametrize("page", PAGES)
def test_social_card_and_description(html, config, page):
    meta = metadata(html[page])
    address = f"{config['html']['baseurl']}{page}.html"
    assert meta["og:url"] == html[page].find("link", rel="canonical")["href"] == address
    assert meta["og:title"] and meta["og:image:alt"] and meta["twitter:card"]
    assert meta["og:description"] == meta["description"]
    assert 50 < len(meta["description"]) <= 160
    assert not re.search(r"\\|\$|<", meta["description"])


def test_descriptions_differ(html):
    descriptions = [metadata(html[page])["description"] for page in PAGES]
    assert len(set(descriptions)) == len(descriptions)


def test_social_image_is_where_the_card_says(html, site, config):
    address = metadata(html[PAGES[0]])["og:image"]
    data = (site / address.removeprefix(config["html"]["baseurl"])).read_bytes()
    assert struct.unpack(">II", data[16:24]) == (1200, 630)


@pytest.mark.parametrize("page", PAGES)
def test_version_and_date_come_from_their_sources(html, repo, page):
    version = re.search(r'^version = "(.+)"', (repo / "pyproject.toml").read_text("utf-8"), re.M)[1]
    shown = html[page].select_one(".site-version").text
    assert shown.startswith(f"Versión {version} · ")
    heading = re.search(
        rf"^## .*{re.escape(version)}.*", (repo / "CHANGELOG.md").read_text("utf-8"), re.M
    )
    year = re.search(r"\b(\d{4})-\d{2}-\d{2}", heading[0] if heading else "")
    assert shown.endswith(year[1] if year else "sin publicar")


@pytest.mark.parametrize("page", PAGES)
def test_fix_link_opens_the_source(html, repo, config, page):
    link = html[page].find("a", string="Corregir esta página")["href"]
    repository = config["repository"]
    path = link.removeprefix(f"{repository['url']}/edit/{repository['branch']}/")
    assert path == re.sub("^exercises/", "solutions/", repository_file(repo, page))
    assert (repo / path).exists()


def test_solutions_are_never_published(site):
    assert not list(site.rglob("solutions*"))


def test_glossary_and_bibliography_are_one_click_away(html):
    links = {link.get("href", "") for link in html["book/intro"].select("nav a")}
    assert {"glosario.html", "referencias.html"} <= links
    assert html["book/glosario"].select("dl.glossary dt[id]")


def test_every_page_is_in_the_sitemap(site, config):
    tree = ElementTree.parse(site / "sitemap.xml")
    found = {node.text for node in tree.iter() if node.tag.endswith("loc")}
    assert found == {f"{config['html']['baseurl']}{page}.html" for page in PAGES}


def test_every_internal_link_resolves(site):
    pages = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    files = {path: BeautifulSoup(path.read_text("utf-8"), "html.parser") for path in pages}
    ids = {path: {tag["id"] for tag in tree.find_all(id=True)} for path, tree in files.items()}
    for path, tree in files.items():
        for tag in tree.select("a[href], img[src], script[src], link[href]"):
            link = urlsplit(tag.get("href") or tag.get("src"))
            if link.scheme or link.netloc:
                continue
            target = (path.parent / unquote(link.path)).resolve() if link.path else path
            assert target.is_file(), f"{path.name}: {link.path} no existe"
            if link.fragment and target in ids:
                assert unquote(link.fragment) in ids[target], f"{path.name}: {link.geturl()}"


@pytest.mark.parametrize("page", PAGES)
def test_external_links_are_marked(html, page):
    for link in html[page].select("article a[href^=http]"):
        assert "noopener" in link.get("rel", []), link["href"]
