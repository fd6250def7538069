"""One small codebook of each type."""

from annotator.codebook import Code, Codebook

TOPICS = Codebook(
    question="Which problems are named?",
    type="multilabel",
    labels=(Code(name="crime"), Code(name="health"), Code(name="tax")),
)
STEPS = Codebook(
    question="How harsh is it?",
    type="ordinal",
    labels=(Code(name="mild"), Code(name="firm"), Code(name="harsh")),
)
TIMES = Codebook(
    question="How many days a week?",
    type="numeric",
    labels=(Code(name="never", value=0), Code(name="weekend", value=2), Code(name="daily", value=7)),
)
TONE = Codebook(
    question="How does it sound?", labels=(Code(name="positive"), Code(name="neutral"), Code(name="negative"))
)
