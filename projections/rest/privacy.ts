// Who sees who charged (docs/privacy.md). Roles below the setting `idTokensShownTo` see pseudonyms: in every answer in JSON
// by one hook, so that a new route cannot forget it, and in streams and files by `seenBy`. What they ask by is a pseudonym
// too, and their cursors are sealed: a token that was guessed finds nothing.
import type { FastifyInstance, FastifyRequest } from "fastify";

import type { PartyId } from "../../core/ids/ids.ts";
import { masked } from "../../core/privacy/masked.ts";
import { isPseudonym, Pseudonyms } from "../../core/privacy/pseudonyms.ts";
import { erased } from "../../core/privacy/sealed-text.ts";
import { SecretBox } from "../../core/registry/sealed.ts";
import type { ApiOptions } from "./context.ts";
import { principalOf } from "./guard.ts";
import { mayAct, type Principal, type Role } from "./principal.ts";
import { Problem } from "./problems.ts";

/** A page of tokens that a pseudonym is looked for in: between two of them other requests go on. */
const tokensAtOnce = 2_000;

export class Privacy {
  private readonly context: Pick<ApiOptions, "registry" | "store" | "sealing">;
  private readonly pseudonyms: Pseudonyms;
  private readonly cursors: SecretBox;

  constructor(context: Pick<ApiOptions, "registry" | "store" | "sealing" | "ocpi" | "adminToken">) {
    this.context = context;
    // Derived where nobody gave one: the same in every api of a cluster, until the admin token changes.
    const secret = context.ocpi?.secret ?? context.adminToken;
    this.pseudonyms = new Pseudonyms(secret);
    this.cursors = new SecretBox(`cursors ${secret}`);
  }

  seesTokens(principal: Principal): boolean {
    const lowest = this.context.registry.setting(principal.party, "idTokensShownTo") as Role;
    return mayAct(principal, lowest);
  }

  /** `value` as they may see it: rows and frames as this API shows them. */
  seen<Value>(principal: Principal, value: Value): Value {
    if (this.seesTokens(principal)) return value;
    return masked(value, (token) => this.nameOf(principal.party, token)) as Value;
  }

  sealCursor(principal: Principal, cursor: string): string {
    return this.cursors.seal(principal.party, cursor);
  }

  /** @throws Problem `bad-request` */
  openCursor(principal: Principal, sealed: string): string {
    const cursor = this.cursors.open(principal.party, sealed);
    if (cursor === undefined) throw new Problem("bad-request", "This cursor is not one of yours; begin again without.");
    return cursor;
  }

  /** Of nobody any more there is no pseudonym. */
  private nameOf(party: PartyId, token: string): string {
    return token === erased ? erased : this.pseudonyms.of(party, token);
  }

  /** As it stands in sessions: the spellings of a token that is asked for; of a pseudonym where only those are seen. */
  async inSessions(principal: Principal, asked: string): Promise<readonly string[]> {
    if (this.seesTokens(principal)) {
      const sealed = await this.context.sealing?.sealedForm(principal.party, asked);
      return sealed === undefined ? [asked] : [asked, sealed];
    }
    if (!isPseudonym(asked)) return [];
    const found: string[] = [];
    for (let after: string | undefined = ""; after !== undefined;) {
      const tokens: readonly string[] = await this.sessionTokens(principal.party, after);
      const open = (await this.context.sealing?.opener(tokens)) ?? ((token: string) => token);
      found.push(...tokens.filter((token) => this.nameOf(principal.party, open(token)) === asked));
      after = tokens.length < tokensAtOnce ? undefined : tokens.at(-1);
    }
    return found;
  }

  /** The registry's key of a token that is asked for; a pseudonym that nobody has is its own. */
  async inRegistry(principal: Principal, asked: string): Promise<string> {
    if (this.seesTokens(principal)) return asked;
    let looked = 0;
    for (const key of this.context.registry.ids(principal.party, "token")) {
      if (this.pseudonyms.of(principal.party, key) === asked) return key;
      looked += 1;
      if (looked % tokensAtOnce === 0) await new Promise(setImmediate);
    }
    throw new Problem("not-found", "There is no token with this pseudonym; who charged is not shown to your role.");
  }

  private async sessionTokens(party: PartyId, after: string): Promise<readonly string[]> {
    const rows = await this.context.store.reader
      .withoutPlugins()
      .selectFrom("live_session")
      .select("id_token")
      .distinct()
      .where("party", "=", party)
      .where("id_token", ">", after)
      .orderBy("id_token")
      .limit(tokensAtOnce)
      .execute();
    return rows.flatMap(({ id_token }) => id_token ?? []);
  }
}

/** After the guard. Of every route, also of those to come; answers in text and streams are their routes' own. */
export function installPrivacy(app: FastifyInstance, privacy: Privacy): void {
  app.addHook("preHandler", async (request) => {
    const { principal } = request;
    if (!principal || privacy.seesTokens(principal)) return;
    const query = request.query as { cursor?: string };
    if (query.cursor !== undefined) query.cursor = privacy.openCursor(principal, query.cursor);
  });
  app.addHook("preSerialization", async (request, _reply, payload: unknown) => {
    const { principal } = request;
    if (!principal || privacy.seesTokens(principal)) return payload;
    const shown = privacy.seen(principal, payload);
    if (typeof shown !== "object" || shown === null || !("nextCursor" in shown)) return shown;
    return { ...shown, nextCursor: privacy.sealCursor(principal, String(shown.nextCursor)) };
  });
}

/** For answers that no hook can look into. @throws Problem `forbidden` for roles that see no tokens. */
export function requireTokens(privacy: Privacy, request: FastifyRequest, why: string): void {
  if (privacy.seesTokens(principalOf(request))) return;
  throw new Problem("forbidden", `${why} Your role does not see who charged (setting idTokensShownTo).`);
}
