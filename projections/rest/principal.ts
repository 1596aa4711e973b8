// Who asks: from a Bearer token or the console's cookie to a role within one party.
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

import { trusted, type PartyId } from "../../core/ids/ids.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import type { Clock } from "../../core/runtime/clock.ts";

export type Role = "viewer" | "operator" | "admin";

export interface Principal {
  /** API key id, or `admin`: what audit entries name. Never a secret. */
  readonly actor: string;
  readonly role: Role;
  readonly party: PartyId;
  /** `rule`: something within wattlog that acts by itself. */
  readonly via: "rest" | "console" | "rule" | "ocpi";
}

const rank: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, admin: 2 };

export function mayAct(principal: Principal, needed: Role): boolean {
  return rank[principal.role] >= rank[needed];
}

export const cookieName = "wattlog_session";
export const sessionSeconds = 12 * 3_600;
/** The code is printed at start; whoever opens the console the next morning may still use it. */
const codeValidMs = 24 * 3_600_000;
const codesOutstanding = 16;
const adminActor = "admin";

interface SessionClaims {
  readonly actor: string;
  readonly party: string;
  /** Epoch ms. */
  readonly until: number;
}

export interface CredentialsOptions {
  readonly adminToken: string;
  readonly party: PartyId;
  readonly registry: RegistryView;
  readonly clock: Clock;
}

/** All comparisons of secrets are constant-time; API keys are known by their hash only. */
export class Credentials {
  private readonly options: CredentialsOptions;
  private readonly adminHash: Buffer;
  private readonly signingKey: Buffer;
  private readonly codes = new Map<string, number>();

  constructor(options: CredentialsOptions) {
    this.options = options;
    this.adminHash = sha256(options.adminToken);
    // Derived, so that every api process of a cluster knows each other's sessions and a new admin token ends them all.
    this.signingKey = createHmac("sha256", options.adminToken).update("wattlog console session").digest();
  }

  byToken(token: string, via: Principal["via"] = "rest"): Principal | undefined {
    const given = sha256(token);
    if (timingSafeEqual(given, this.adminHash)) {
      return { actor: adminActor, role: "admin", party: this.options.party, via };
    }
    let found: Principal | undefined;
    // No early exit: how long it takes says nothing about which key it was.
    for (const { key, party } of this.apiKeys()) {
      const stored = Buffer.from(key.sha256, "hex");
      if (stored.length === given.length && timingSafeEqual(stored, given)) {
        found = { actor: key.id, role: key.role, party, via };
      }
    }
    return found;
  }

  /** @param cookie the value that {@link sessionCookie} made. A removed API key ends its sessions. */
  bySession(cookie: string): Principal | undefined {
    const dot = cookie.lastIndexOf(".");
    if (dot < 0) return undefined;
    const body = cookie.slice(0, dot);
    const mac = Buffer.from(cookie.slice(dot + 1), "base64url");
    const wanted = this.sign(body);
    if (mac.length !== wanted.length || !timingSafeEqual(mac, wanted)) return undefined;
    const claims = JSON.parse(Buffer.from(body, "base64url").toString("utf8")) as SessionClaims;
    if (claims.until <= this.options.clock.now()) return undefined;
    if (claims.actor === adminActor) {
      return { actor: adminActor, role: "admin", party: this.options.party, via: "console" };
    }
    const party = trusted.party(claims.party);
    const key = this.options.registry.find(party, "apiKey", claims.actor)?.doc;
    return key ? { actor: key.id, role: key.role, party, via: "console" } : undefined;
  }

  sessionCookie(principal: Principal): string {
    const until = this.options.clock.now() + sessionSeconds * 1_000;
    const claims: SessionClaims = { actor: principal.actor, party: principal.party, until };
    const body = Buffer.from(JSON.stringify(claims)).toString("base64url");
    return `${body}.${this.sign(body).toString("base64url")}`;
  }

  /** Good for one sign-in as administrator. The oldest goes when too many are outstanding. */
  signInCode(): string {
    const code = randomBytes(18).toString("base64url");
    this.codes.set(sha256(code).toString("hex"), this.options.clock.now() + codeValidMs);
    if (this.codes.size > codesOutstanding) this.codes.delete(this.codes.keys().next().value!);
    return code;
  }

  redeem(code: string): Principal | undefined {
    const key = sha256(code).toString("hex");
    const until = this.codes.get(key);
    this.codes.delete(key);
    if (until === undefined || until <= this.options.clock.now()) return undefined;
    return { actor: adminActor, role: "admin", party: this.options.party, via: "console" };
  }

  private sign(body: string): Buffer {
    return createHmac("sha256", this.signingKey).update(body).digest();
  }

  private *apiKeys() {
    const { registry } = this.options;
    for (const name of registry.parties()) {
      const party = trusted.party(name);
      for (const id of registry.ids(party, "apiKey")) {
        const key = registry.find(party, "apiKey", id)?.doc;
        if (key) yield { key, party };
      }
    }
  }
}

export function sha256(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}
