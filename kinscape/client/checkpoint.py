"""A checkpoint on the server: what is known of it, and what can be done with it."""

import time
from typing import Any

from pydantic import PrivateAttr

from kinscape.backend.contracts import checkpoints as contract
from kinscape.backend.contracts.checkpoints import Verdict
from kinscape.backend.contracts.portraits import Portrait
from kinscape.backend.contracts.probes import Probe
from kinscape.client.http import ClientError, Http
from kinscape.client.upload import plain

# Outputs of a few samples take about as long.
POLL_S = 0.1
# A worker may be at something else first.
VERIFICATION_S = 600


class Checkpoint(contract.Checkpoint):
    """One set of trained weights, a program, or a recording."""

    _http: Http = PrivateAttr()

    @classmethod
    def of(cls, http: Http, data: Any) -> "Checkpoint":
        """A checkpoint as the server describes it."""
        made = cls.model_validate(data)
        made._http = http
        return made

    def verify(self, logits: Any, *, probe: Probe | int | None = None) -> Verdict:
        """Whether the server computes these outputs, ``(rows, classes)``, for the first samples of a probe set.

        Args:
            logits: what your own model gives for them; eight rows tell enough.
            probe: the probe set; may be left out where the project has only one.

        Raises:
            ClientError: it cannot be run, or the outputs do not fit; the message says why.
        """
        rows = logits.detach().cpu().tolist() if hasattr(logits, "detach") else [list(map(float, r)) for r in logits]
        number = probe.id if isinstance(probe, Probe) else probe
        found = self._http.post(f"/checkpoints/{self.id}/verification", json={"logits": rows, "probe": number})
        deadline = time.monotonic() + VERIFICATION_S
        while (known := contract.Checkpoint.model_validate(found).verification).verdict is Verdict.CHECKING:
            if time.monotonic() > deadline:
                raise ClientError(f"{self.name} is still being verified after {VERIFICATION_S} s.")
            time.sleep(POLL_S)
            found = self._http.get(f"/checkpoints/{self.id}")
        self.verification = known
        if known.verdict is Verdict.UNVERIFIED:
            raise ClientError(f"{self.name}: {known.sentence}", status=422)
        return known.verdict

    def portrait(self) -> Portrait:
        """Everything that is known of it: relatives, comparisons, its numbers, who is nearest, its tensors."""
        return Portrait.model_validate(self._http.get(f"/checkpoints/{self.id}/portrait"))

    def edit(self, **changes: Any) -> "Checkpoint":
        """The checkpoint with another name, group, tags, notes, run, step, metrics, parent, init_of or teacher.

        Relatives are given by name; an empty one takes a relative away.
        """
        sent = {name: plain(value, name) for name, value in changes.items()}
        return Checkpoint.of(self._http, self._http.request("PATCH", f"/checkpoints/{self.id}", json=sent).json())

    def delete(self) -> None:
        """Delete it, unless a comparison shows it; for seven days it can be restored."""
        self._http.delete(f"/checkpoints/{self.id}")

    def restore(self) -> "Checkpoint":
        """Bring it back after it was deleted."""
        return Checkpoint.of(self._http, self._http.post(f"/checkpoints/{self.id}/restore"))

    def replace(self, by: "Checkpoint | int") -> "Checkpoint":
        """Let another checkpoint of the project take its name, group, tags and relatives, and delete it.

        Where comparisons show it, it stays under another name, so that their numbers stay what they are.
        """
        number = by if isinstance(by, int) else by.id
        return Checkpoint.of(self._http, self._http.post(f"/checkpoints/{self.id}/replace", json={"by": number}))
