"""Tags as people type them."""

from kinscape.client import ClientError


def tags_of(text: str) -> dict[str, str]:
    """``seed=0 optim=sgd`` as tags.

    Raises:
        ClientError: a part has no equals sign.
    """
    tags = {}
    for part in text.split():
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise ClientError(f"{part!r} must be NAME=VALUE, such as seed=0.")
        tags[name] = value
    return tags
