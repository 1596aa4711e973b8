// OCPI's answers: one envelope, a closed set of status codes (2.2.1, Status codes), and errors that carry both codes.
import { messageOf } from "../../core/runtime/errors.ts";

export const statusCodes = {
  success: 1000,
  clientError: 2000,
  invalidParameters: 2001,
  notEnoughInformation: 2002,
  unknownLocation: 2003,
  unknownToken: 2004,
  serverError: 3000,
  clientApiUnusable: 3001,
  unsupportedVersion: 3002,
  noMatchingEndpoints: 3003,
} as const;

export type OcpiStatus = (typeof statusCodes)[keyof typeof statusCodes];

export interface OcpiAnswer {
  /** Default 200. */
  readonly http?: number;
  /** Default 1000. */
  readonly status?: OcpiStatus;
  readonly message?: string;
  /** Absent: the answer has none. */
  readonly data?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer other than success. `http` is 200 where the request was understood and its content is at fault. */
export class OcpiError extends Error {
  override readonly name = "OcpiError";
  readonly status: OcpiStatus;
  readonly http: number;
  readonly data: unknown;

  constructor(
    status: OcpiStatus,
    message: string,
    { http = 200, data, cause }: { readonly http?: number; readonly data?: unknown; readonly cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.status = status;
    this.http = http;
    this.data = data;
  }
}

export function invalid(message: string): OcpiError {
  return new OcpiError(statusCodes.invalidParameters, message);
}

export function notFound(message: string, status: OcpiStatus = statusCodes.invalidParameters): OcpiError {
  return new OcpiError(status, message, { http: 404 });
}

const messageMaxChars = 255;

/** @param at epoch ms */
export function envelope(at: number, { status = statusCodes.success, message, data }: OcpiAnswer): string {
  return JSON.stringify({
    ...(data === undefined ? {} : { data }),
    status_code: status,
    ...(message === undefined ? {} : { status_message: message.slice(0, messageMaxChars) }),
    timestamp: new Date(at).toISOString(),
  });
}

/** What went wrong where the answer says no more than its code. */
export function answerOf(error: unknown): OcpiAnswer {
  if (error instanceof OcpiError) {
    const { http, status, message, data } = error;
    return { http, status, message, ...(data === undefined ? {} : { data }) };
  }
  return { http: 500, status: statusCodes.serverError, message: messageOf(error) };
}
