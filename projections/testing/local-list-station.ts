// The local authorisation list of a station, as the specification has it (1.6 §5.15, 2.0.1 D01): what it answers, and what it holds.

interface Item {
  readonly idTag?: string;
  readonly idTagInfo?: object;
  readonly idToken?: { readonly idToken: string };
  readonly idTokenInfo?: object;
}

interface SendLocalList {
  readonly listVersion?: number;
  readonly versionNumber?: number;
  readonly updateType: "Full" | "Differential";
  readonly localAuthorizationList?: readonly Item[];
}

export class LocalListStation {
  version = 0;
  readonly entries = new Map<string, object>();
  /** Of one message. */
  maxItems = Infinity;
  /** Of the list. */
  maxEntries = Infinity;
  /** Answers to come before those of the specification. */
  readonly moods: string[] = [];

  sendLocalList(payload: SendLocalList): { readonly status: string } {
    const mood = this.moods.shift();
    if (mood !== undefined && mood !== "Accepted") return { status: mood };
    const { updateType, localAuthorizationList: items = [] } = payload;
    const version = payload.listVersion ?? payload.versionNumber ?? 0;
    if (updateType === "Differential" && version <= this.version) return { status: "VersionMismatch" };
    if (items.length > this.maxItems) return { status: "Failed" };
    const after = updateType === "Full" ? new Map<string, object>() : new Map(this.entries);
    for (const item of items) {
      const key = (item.idTag ?? item.idToken?.idToken ?? "").toLowerCase();
      const info = item.idTagInfo ?? item.idTokenInfo;
      if (info) after.set(key, info);
      else after.delete(key);
    }
    if (after.size > this.maxEntries) return { status: "Failed" };
    this.version = version;
    this.entries.clear();
    for (const [key, info] of after) this.entries.set(key, info);
    return { status: "Accepted" };
  }
}
