"""Tables as HTML pages that need nothing else, for the workflow's report."""

from jinja2 import Environment

from pgf.analysis.tables.model import Table

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{{ table.title }}</title>
<style>
body { font: 14px/1.45 sans-serif; color: #222; max-width: 75em; margin: 1.5em auto; }
table { border-collapse: collapse; margin: .6em 0 1.4em; font-variant-numeric: tabular-nums; }
th, td { padding: .2em .8em; text-align: right; white-space: nowrap; }
thead th { border-top: 2px solid #222; border-bottom: 1px solid #222; }
tbody tr:last-child td { border-bottom: 2px solid #222; }
.text { text-align: left; }
.lead, .notes { max-width: 60em; }
</style>
<h1>{{ table.title }}</h1>
{%- for section in table.sections %}
<h2>{{ section.heading }}</h2>
<p class="lead">{{ section.caption }}</p>
{%- for block in section.blocks %}
{%- if block.title %}
<h3>{{ block.title }}</h3>
{%- endif %}
{%- if block.lead %}
<p class="lead">{{ block.lead }}</p>
{%- endif %}
<table>
<thead><tr>
{%- for text in block.header %}
<th{% if loop.index0 in block.text_columns %} class="text"{% endif %}>{{ text }}</th>
{%- endfor %}
</tr></thead>
<tbody>
{%- for row in block.rows %}
<tr>
{%- for cell in row %}
<td{% if loop.index0 in block.text_columns %} class="text"{% endif %}>
{%- if cell.bold %}<b>{{ cell.text }}</b>{% elif cell.italic %}<i>{{ cell.text }}</i>
{%- else %}{{ cell.text }}{% endif %}</td>
{%- endfor %}
</tr>
{%- endfor %}
</tbody>
</table>
{%- endfor %}
{%- if section.notes %}
<ul class="notes">
{%- for note in section.notes %}
<li>{{ note }}</li>
{%- endfor %}
</ul>
{%- endif %}
{%- endfor %}
</html>
"""


def to_html(table: Table) -> str:
    """Return the table as one page; all text is escaped."""
    return Environment(autoescape=True).from_string(PAGE).render(table=table) + "\n"
