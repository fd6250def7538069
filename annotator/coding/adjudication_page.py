"""What is different on an adjudicator's page: the codes given stand beside the text, without their coders."""

import xml.etree.ElementTree as ET

SUFFIX = " - adjudication"
"""What the adjudicator's project adds to the name of the study."""
GIVEN = "given"
HEADING = "What coders said, in random order"
STYLE = """
.coding .given { border: 1px solid rgba(128, 128, 128, 0.35); border-left: 4px solid #d9822b;
  border-radius: 6px; margin: 0 0 0.75rem; padding: 0.25rem 1rem 0.5rem; }
.coding .given h4, .coding .given h5 { margin: 0.25rem 0 0; font-size: 0.9rem; font-weight: 600; }
.coding .given .lsf-richtext__container { padding: 0.25rem 0 0; font-size: 1rem; line-height: 1.5;
  white-space: pre-wrap; overflow-wrap: anywhere; }
"""
TASK = "Coders gave these texts different answers, which stand beside each text in random order."
HOW_TO_JUDGE = "Any code may be the right one, also one that nobody gave."


def add_given(answers: ET.Element) -> None:
    """Put the codes given above the codes to choose from."""
    view = ET.SubElement(answers, "View", className=GIVEN)
    ET.SubElement(view, "Header", value=HEADING, size="5")
    ET.SubElement(view, "Text", name=GIVEN, value=f"${GIVEN}", valueType="text", saveTextResult="no")
