/* Requests to the API, each with a sentence when it fails. */

export const API = "/api/v1";

export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }

  /* Whether the server was away, or broke: later it may answer. */
  get isPassing(): boolean {
    return this.status === 0 || this.status >= 500;
  }

  /* Whether it was deleted, or never was. */
  get isMissing(): boolean {
    return this.status === 404 || this.status === 410;
  }

  /* Whether whoever looks may not see it any longer. */
  get isClosed(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

async function failed(answer: Response): Promise<ApiError> {
  let sentence = `The server answered ${answer.status}.`;
  try {
    const problem = (await answer.json()) as { detail?: unknown };
    if (typeof problem.detail === "string" && problem.detail) sentence = problem.detail;
  } catch {
    /* Not a problem document: the number has to do. */
  }
  return new ApiError(sentence, answer.status);
}

/* The number of the link whose page this is: what is asked, is asked as its visitor; empty on pages of the owner. */
let link = "";

export function askAsVisitor(share: string): void {
  link = share;
}

/* The answers that a file holds which opens without a server, by path; null on a server's page. */
const offline = ((): Map<string, unknown> | null => {
  const holder = globalThis.document?.getElementById("offline");
  if (!holder) return null;
  const held = JSON.parse(holder.textContent ?? "{}") as Record<string, unknown>;
  return new Map(Object.entries(held).map(([path, answer]) => [plain(path), answer]));
})();

/* A path whose query is written in one way. */
function plain(path: string): string {
  const [place, query] = path.split("?");
  const parts = [...new URLSearchParams(query)].sort(([a], [b]) => (a < b ? -1 : 1));
  return [place, ...parts.map((part) => part.join("="))].join(" ");
}

function held(path: string): Response {
  const answer = offline?.get(plain(path)) as { base64?: string } | undefined;
  if (answer === undefined) throw new ApiError("This file does not hold that; the page it was taken from does.", 404);
  if (typeof answer.base64 !== "string") return new Response(JSON.stringify(answer));
  return new Response(Uint8Array.from(atob(answer.base64), (c) => c.charCodeAt(0)));
}

/* Answers that were asked for before the page was there to ask; each is given once. */
const early = new Map<string, Promise<Response>>();

/* Ask now for what the page at an address will need, while its frame is still on the way. */
export function askEarly(address: Location): void {
  const found = /^\/(comparison|shared)\/(\d+)$/.exec(address.pathname);
  if (!found || offline) return;
  const [, kind, number] = found as unknown as [string, string, string];
  const headers: HeadersInit = kind === "shared" ? { "Kinscape-Shared-Page": number } : {};
  const ask = (path: string): void => {
    const answer = fetch(API + path, { headers });
    // Who needs it sees the trouble; until then it is nobody's.
    answer.catch(() => undefined);
    early.set(path, answer);
  };
  ask("/measures");
  if (kind === "shared") return;
  const place = `/comparisons/${number}`;
  ask(place);
  ask(`${place}/checkpoints`);
}

async function send(path: string, options: RequestInit): Promise<Response> {
  if (offline) return held(path);
  let answer: Response;
  const headers = new Headers(options.headers);
  if (link) headers.set("Kinscape-Shared-Page", link);
  try {
    const asked = options.method ? undefined : early.get(path);
    early.delete(path);
    answer = await (asked ?? fetch(API + path, { ...options, headers }));
  } catch {
    throw new ApiError("The server cannot be reached. What is on the screen stays; try again in a moment.", 0);
  }
  if (!answer.ok) throw await failed(answer);
  return answer;
}

export async function get<T>(path: string): Promise<T> {
  return (await (await send(path, {})).json()) as T;
}

export async function getBytes(path: string): Promise<ArrayBuffer> {
  return (await send(path, {})).arrayBuffer();
}

/* A change; what the server answers, null where it says nothing. */
export async function change<T>(method: "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T | null> {
  const headers = body === undefined ? undefined : { "Content-Type": "application/json" };
  const answer = await send(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  return answer.status === 204 ? null : ((await answer.json()) as T);
}

export function queryOf(parts: Record<string, string | number | null | undefined>): string {
  const known = Object.entries(parts).filter(([, v]) => v !== null && v !== undefined && v !== "");
  return `?${new URLSearchParams(known.map(([k, v]) => [k, String(v)]))}`;
}
