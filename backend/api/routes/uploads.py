"""tus 1.0 uploads: creation, checksum, termination, expiration."""

import asyncio
import datetime as dt
from email.utils import format_datetime
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Header, HTTPException, Request, Response
from starlette.requests import ClientDisconnect

from kinscape.backend.actions import uploads
from kinscape.backend.api.parts import Opened, RowId, Transaction, WebParts, parts_of
from kinscape.backend.contracts.problems import Problem, TooLarge
from kinscape.backend.store.tables import UploadRow

# A piece with a checksum is held in memory until it is whole; the clients send 8 MiB.
LARGEST_PIECE = 64 << 20
# Others are written as they come, so that one that is cut off loses no more.
KEPT_AT_ONCE = 8 << 20
VERSION = "1.0.0"
router = APIRouter(tags=["uploads"])


class UnsupportedVersion(Problem):
    """The client speaks another tus."""

    status = 412
    title = "Unsupported tus version"
    headers: ClassVar[dict[str, str]] = {"Tus-Version": VERSION}


class UnsupportedMedia(Problem):
    """A piece of a file must come as bytes."""

    status = 415
    title = "Unsupported media type"


def _headers(upload: UploadRow) -> dict[str, str]:
    headers = {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(upload.offset_bytes),
        "Upload-Length": str(upload.size_bytes),
        "Upload-Expires": format_datetime(upload.expires.astimezone(dt.UTC), usegmt=True),
        "Cache-Control": "no-store",
    }
    if upload.finished_id is not None:
        headers["Kinscape-Id"] = str(upload.finished_id)
    return headers


def _check_version(version: str) -> None:
    if version != VERSION:
        raise UnsupportedVersion(f"This server speaks tus {VERSION}; send the header Tus-Resumable: {VERSION}.")


@router.options("/projects/{project}/uploads", status_code=204)
def abilities(project: RowId, parts: Opened) -> Response:
    """What this server's tus can do."""
    return Response(
        status_code=204,
        headers={
            "Tus-Resumable": VERSION,
            "Tus-Version": VERSION,
            "Tus-Max-Size": str(parts.settings.largest_upload_bytes),
            "Tus-Extension": "creation,checksum,termination,expiration",
            "Tus-Checksum-Algorithm": "sha256,sha1",
        },
    )


@router.post("/projects/{project}/uploads", status_code=201)
def create(
    project: RowId,
    session: Transaction,
    parts: Opened,
    upload_length: Annotated[int, Header(ge=0, le=2**60)],
    upload_metadata: Annotated[str, Header(max_length=64_000)],
    tus_resumable: Annotated[str, Header()] = VERSION,
) -> Response:
    """Begin an upload; Upload-Metadata carries kind and description (JSON), base64 each."""
    _check_version(tus_resumable)
    upload = uploads.start(
        session,
        parts.files,
        uploads.UploadLimits(
            parts.settings.largest_upload_bytes,
            parts.settings.keep_free_bytes,
            parts.settings.quota_bytes,
            parts.settings.project_quota_bytes,
        ),
        project=project,
        size_bytes=upload_length,
        metadata=uploads.metadata_of(upload_metadata),
    )
    return Response(status_code=201, headers={**_headers(upload), "Location": f"/api/v1/uploads/{upload.token}"})


@router.head("/uploads/{token}")
def offset(token: str, session: Transaction) -> Response:
    """How much of an upload is safely here."""
    upload = uploads.current(session, token, now=dt.datetime.now(dt.UTC))
    return Response(status_code=200, headers=_headers(upload))


@router.get("/uploads/{token}")
def state(token: str, session: Transaction) -> dict[str, Any]:
    """How far an upload is, and what it became."""
    upload = uploads.current(session, token, now=dt.datetime.now(dt.UTC))
    return {
        "kind": upload.kind,
        "size_bytes": upload.size_bytes,
        "offset_bytes": upload.offset_bytes,
        "finished": upload.finished_id,
    }


@router.patch("/uploads/{token}", status_code=204)
async def append(
    token: str,
    request: Request,
    upload_offset: Annotated[int, Header(ge=0, le=2**60)],
    tus_resumable: Annotated[str, Header()] = VERSION,
    upload_checksum: Annotated[str, Header(max_length=200)] = "",
    content_type: Annotated[str, Header()] = "application/offset+octet-stream",
) -> Response:
    """Add a piece at the next offset; the last piece turns the upload into what it is."""
    _check_version(tus_resumable)
    if content_type != "application/offset+octet-stream":
        raise UnsupportedMedia("Send pieces as application/offset+octet-stream.")
    parts, at, body = parts_of(request), upload_offset, bytearray()

    async def keep() -> dict[str, str]:
        nonlocal at
        sent, body[:] = bytes(body), b""
        headers = await asyncio.to_thread(_append, parts, token, offset=at, body=sent, checksum=upload_checksum)
        at += len(sent)
        return headers

    headers: dict[str, str] = {}
    try:
        async for part in request.stream():
            body += part
            if upload_checksum and len(body) > LARGEST_PIECE:
                raise TooLarge(f"Send pieces with a checksum of at most {LARGEST_PIECE >> 20} MiB.")
            if not upload_checksum and len(body) >= KEPT_AT_ONCE:
                headers = await keep()
    except ClientDisconnect:
        # What came is not sent again; only a checksum is of the whole.
        if body and not upload_checksum:
            await keep()
        raise
    if body or not headers:
        headers = await keep()
    return Response(status_code=204, headers=headers)


@router.post("/uploads/{token}", status_code=204)
async def append_by_post(
    token: str,
    request: Request,
    x_http_method_override: Annotated[str, Header()] = "",
    upload_offset: Annotated[int, Header(ge=0, le=2**60)] = 0,
    upload_checksum: Annotated[str, Header(max_length=200)] = "",
    content_type: Annotated[str, Header()] = "",
) -> Response:
    """Add a piece, for clients behind a proxy that knows no PATCH (X-HTTP-Method-Override: PATCH)."""
    if x_http_method_override.upper() != "PATCH":
        raise HTTPException(405, headers={"Allow": "DELETE, GET, HEAD, PATCH"})
    return await append(token, request, upload_offset, upload_checksum=upload_checksum, content_type=content_type)


def _append(parts: WebParts, token: str, *, offset: int, body: bytes, checksum: str) -> dict[str, str]:
    with parts.database.transaction() as session:
        uploads.current(session, token, now=dt.datetime.now(dt.UTC))
        upload = uploads.append(session, parts.files, token, offset=offset, body=body, checksum=checksum)
        complete = upload.offset_bytes == upload.size_bytes
    if complete:
        _finish(parts, token)
    with parts.database.transaction() as session:
        return _headers(uploads.get(session, token))


def _finish(parts: WebParts, token: str) -> None:
    """A file that cannot become anything is removed whole, so that nothing half-done stays."""
    try:
        with parts.database.transaction() as session:
            uploads.finish(session, parts.files, token)
        # Only now: until the commit, whoever dies here can begin again from these bytes.
        uploads.forget_bytes(parts.files, token)
    except Problem:
        with parts.database.transaction() as session:
            uploads.cancel(session, parts.files, token)
        raise


@router.delete("/uploads/{token}", status_code=204)
def cancel(token: str, session: Transaction, parts: Opened) -> Response:
    """Forget an unfinished upload and its bytes."""
    uploads.cancel(session, parts.files, token)
    return Response(status_code=204, headers={"Tus-Resumable": VERSION})
