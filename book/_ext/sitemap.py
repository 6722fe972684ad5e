"""sitemap.xml con todas las páginas, también cuando solo se reconstruye una parte."""

from xml.etree import ElementTree

NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"


def write_sitemap(app, exception):
    if exception or app.builder.format != "html":
        return
    urlset = ElementTree.Element("urlset", xmlns=NAMESPACE)
    for page in sorted(app.env.found_docs):
        url = ElementTree.SubElement(urlset, "url")
        ElementTree.SubElement(url, "loc").text = f"{app.config.html_baseurl}{page}.html"
    ElementTree.indent(urlset)
    tree = ElementTree.ElementTree(urlset)
    tree.write(app.outdir / "sitemap.xml", encoding="utf-8", xml_declaration=True)


def setup(app):
    app.connect("build-finished", write_sitemap)
