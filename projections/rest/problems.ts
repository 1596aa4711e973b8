// RFC 9457 problem documents: every error of the API, in one shape that says what to do.
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";

import { isWattlogError } from "../../core/runtime/errors.ts";

/** Last part of the problem's `type`; stable, so that a script can go by it. */
export type ProblemKind =
  | "bad-request"
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "conflict"
  | "version-conflict"
  | "too-large"
  | "unsupported-media-type"
  | "invalid"
  | "too-many"
  | "internal"
  | "unavailable";

const titles: Readonly<Record<ProblemKind, { readonly status: number; readonly title: string }>> = {
  "bad-request": { status: 400, title: "The request cannot be understood" },
  unauthorized: { status: 401, title: "Who are you?" },
  forbidden: { status: 403, title: "Not allowed" },
  "not-found": { status: 404, title: "There is no such thing" },
  conflict: { status: 409, title: "Not possible in this state" },
  "version-conflict": { status: 412, title: "Somebody else changed it" },
  "too-large": { status: 413, title: "The body is too large" },
  "unsupported-media-type": { status: 415, title: "The body must be JSON" },
  invalid: { status: 422, title: "The content is not valid" },
  "too-many": { status: 429, title: "Too much at once" },
  internal: { status: 500, title: "A fault of wattlog" },
  unavailable: { status: 503, title: "Not possible right now" },
};

const retryAfterSeconds = 2;

export class Problem extends Error {
  override readonly name = "Problem";
  readonly kind: ProblemKind;
  /** JSON pointer into the body, or the name of a parameter. */
  readonly path: string | undefined;

  constructor(kind: ProblemKind, detail: string, options?: ErrorOptions & { readonly path?: string }) {
    super(detail, options);
    this.kind = kind;
    this.path = options?.path;
  }

  get status(): number {
    return titles[this.kind].status;
  }

  toJSON(): object {
    const { status, title } = titles[this.kind];
    const path = this.path === undefined ? {} : { path: this.path };
    return { type: `urn:wattlog:problem:${this.kind}`, title, status, detail: this.message, ...path };
  }
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.kind === "unavailable") void reply.header("retry-after", String(retryAfterSeconds));
  if (problem.kind === "unauthorized") void reply.header("www-authenticate", 'Bearer realm="wattlog"');
  return reply.code(problem.status).type("application/problem+json").send(JSON.stringify(problem));
}

/** The one error handler: what is ours goes out as it is, anything unknown is logged and says nothing about its inside. */
export function handleError(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error);
  if (problem.kind === "internal") request.log.error({ err: error, route: request.routeOptions.url }, "request failed");
  return sendProblem(reply, problem);
}

export function problemOf(error: FastifyError | Error): Problem {
  if (error instanceof Problem) return error;
  if (isWattlogError(error)) {
    const passing = /^(log|store|bus)\//.test(error.code);
    const kind = error.code === "log/too-large" ? "too-large" : passing ? "unavailable" : "internal";
    const detail =
      kind === "unavailable" ? "Log, store or bus cannot be reached now; try again shortly." : "See the log.";
    return new Problem(kind, detail, { cause: error });
  }
  if ("validation" in error && error.validation) return validationProblem(error);
  const status = "statusCode" in error ? error.statusCode : undefined;
  if (status === 413)
    return new Problem("too-large", "Send less in one request; the limit is 1 MiB.", { cause: error });
  if (status === 415) {
    return new Problem("unsupported-media-type", "Send JSON with content-type: application/json.", { cause: error });
  }
  if (status !== undefined && status >= 400 && status < 500) {
    return new Problem("bad-request", error.message, { cause: error });
  }
  return new Problem("internal", "It was logged. Try again; if it stays, tell whoever runs this wattlog.", {
    cause: error,
  });
}

function validationProblem(error: FastifyError): Problem {
  const first = error.validation?.[0];
  const field = first?.params["missingProperty"] ?? first?.params["additionalProperty"];
  const path = `${first?.instancePath ?? ""}${typeof field === "string" ? `/${field}` : ""}`;
  const allowed = first?.params["allowedValues"];
  const words = Array.isArray(allowed) ? `: ${allowed.join(", ")}` : "";
  const kind = error.validationContext === "body" ? "invalid" : "bad-request";
  const detail = `${error.validationContext ?? "request"}${path} ${first?.message ?? "is not valid"}${words}.`;
  return new Problem(kind, detail, { cause: error, path });
}
