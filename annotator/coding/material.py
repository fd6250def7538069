"""What coders are shown of a unit: its text or pair of texts, and its image."""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from annotator.coding.literal import literal
from annotator.coding.protocol import Task
from annotator.errors import CorpusError, ServiceError
from annotator.labeling.faults import Fault
from annotator.labeling.fence import pair

TEXT, SECOND, IMAGE = "text", "text_2", "image"
"""Names of what is shown, and of the fields of a task that carry it."""


@dataclass(frozen=True)
class Material:
    """Which parts a unit has, on the page and in the data of a task.

    Attributes
    ----------
    columns : tuple of str
        The columns of its texts, which stand above them where there are two; none where the image is all.
    images : function, optional
        From the place of an image, as the corpus gives it, to an address that a page can show, or why there
        is none. None where units have no image.
    """

    columns: tuple[str, ...] = (TEXT,)
    images: Callable[[str], str | Fault] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parts, in the order of the page."""
        return (*([IMAGE] if self.images else []), *(TEXT, SECOND)[: len(self.columns)])

    @property
    def main(self) -> str:
        """The part that answers are tied to: Label Studio wants one."""
        return TEXT if self.columns else IMAGE

    @property
    def what(self) -> str:
        """What coders judge, in words."""
        texts = ("", "the text", "both texts")[len(self.columns)]
        return " and ".join(filter(None, ["the image" if self.images else "", texts]))

    @property
    def task(self) -> str:
        """What they do with it before they answer."""
        texts = ("", "read the text", "read both texts")[len(self.columns)]
        asked = " and ".join(filter(None, ["look at the image" if self.images else "", texts]))
        return asked.capitalize()

    def fields(self, task: Task) -> dict[str, str]:
        """The parts of a unit as fields of its task, and nothing else.

        A pair that cannot be taken apart without doubt (`annotator.labeling.fence.pair`) is shown in one
        piece, as machines see it. Raises CorpusError where there is no image to be shown.
        """
        both = pair(task.text, (self.columns[0], self.columns[1])) if len(self.columns) == 2 else None
        texts = both or (task.text, "")
        shown = dict(zip((TEXT, SECOND), texts[: len(self.columns)], strict=False))
        return {**shown, **({IMAGE: self._image(task)} if self.images else {})}

    def refuse_other_page(self, labeling_config: str) -> None:
        """Raise ServiceError where a page that is there already would leave out a part of the unit.

        It was made before the study had that part, or changed by hand.
        """
        lacking = [name for name in self.names if f'"${name}"' not in labeling_config]
        if lacking:
            raise ServiceError(
                f"the study's page in Label Studio does not show {', '.join(f'${name}' for name in lacking)}",
                hint="Coders would see a part of each unit only: start anew with another `output`.",
            )

    @property
    def n_at_once(self) -> int:
        """How many tasks are to be fetched at once: an image weighs up to half a megabyte."""
        return 50 if self.images else 1000

    def lots(self, tasks: Sequence[Task]) -> Iterator[Sequence[Task]]:
        """The tasks as they are to be imported: texts all at once, images in lots."""
        size = self.n_at_once if self.images else len(tasks)
        return (tasks[at : at + size] for at in range(0, len(tasks), size))

    def _image(self, task: Task) -> str:
        assert self.images is not None
        found = self.images(task.image or "")
        if isinstance(found, Fault):
            raise CorpusError(
                f"unit {task.unit_id!r} cannot be shown to coders: {found.message}",
                hint="Put the image where the corpus says it is, and do this again.",
            )
        return found

    def add_to(self, page: ET.Element) -> None:
        """The parts as elements of a labelling configuration, one below the other in a box each."""
        headings = self.columns if len(self.columns) == 2 else ()
        unit = ET.SubElement(page, "View", className="unit")
        for place, name in enumerate(self.names):
            box = ET.SubElement(unit, "View", className=f"part {'picture' if name == IMAGE else 'words'}")
            if name == IMAGE:
                ET.SubElement(box, "Image", {**_IMAGE, "name": name, "value": f"${name}"})
                continue
            if headings:
                ET.SubElement(box, "Header", value=literal(headings[place - bool(self.images)]), size="5")
            ET.SubElement(box, "Text", name=name, value=f"${name}", valueType="text", saveTextResult="no")


# Buttons to look closer; nothing that changes how the picture looks.
_IMAGE = {"zoomControl": "true", "brightnessControl": "false", "contrastControl": "false"}
