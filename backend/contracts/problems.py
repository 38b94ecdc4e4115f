"""What a caller can get wrong, each with its HTTP status and a sentence that says what to do."""

from typing import Any, ClassVar


class Problem(Exception):
    """A mistake of the caller: carries the status and the sentence that reach the screen."""

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Bad request"
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra

    def as_problem(self) -> dict[str, Any]:
        """The RFC 9457 body of this problem."""
        kind = type(self).__name__
        slug = "".join("-" + c.lower() if c.isupper() else c for c in kind).strip("-")
        return {
            "type": f"urn:kinscape:problem:{slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }


class NotFound(Problem):
    """There is nothing of that name here, or the caller may not see it."""

    status = 404
    title = "Not found"


class Conflict(Problem):
    """The request contradicts what is already stored."""

    status = 409
    title = "Conflict"


class NotAllowed(Problem):
    """The caller is known and may not do this."""

    status = 403
    title = "Not allowed"


class SignInNeeded(Problem):
    """The caller shows no valid token."""

    status = 401
    title = "Owner token needed"


class TooLarge(Problem):
    """The file is over a limit that the sentence names."""

    status = 413
    title = "Too large"


class OverQuota(Problem):
    """The project, or all of them, would hold more than they may."""

    status = 507
    title = "Over quota"


class TooMany(Problem):
    """So many are under way that no other one may begin."""

    status = 429
    title = "Too many"
    headers: ClassVar[dict[str, str]] = {"Retry-After": "60"}


class NoRoom(Problem):
    """The disk of the server has no room for what is asked."""

    status = 507
    title = "No room"


class Unprocessable(Problem):
    """The request is well formed but cannot be carried out as asked."""

    status = 422
    title = "Cannot be done as asked"


class FileRefused(Unprocessable):
    """An uploaded file is not what it has to be; the sentence says what to change."""

    title = "File refused"


class Unavailable(Problem):
    """A part that is needed does not answer right now."""

    status = 503
    title = "Not available right now"
