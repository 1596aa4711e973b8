// The tests of projection and api once more, with PostgreSQL for their Store: the same rows, pages, cursors and counts.
import { testOnPostgres } from "../../test/harness/stores.ts";

testOnPostgres();

await import("../models/projector.test.ts");
await import("../rest/api.test.ts");
await import("../rest/cdr-chain.test.ts");
await import("../rest/cdr-ledger.test.ts");
await import("../rest/cdr-reviews.test.ts");
await import("../rest/health.test.ts");
await import("../rest/health-rates.test.ts");
await import("../rest/security.test.ts");

await import("../ocpi/senders.test.ts");
await import("../ocpi/watermark.test.ts");
