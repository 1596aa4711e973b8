// The tests of a restored log once more, with PostgreSQL for their Store.
import { testOnPostgres } from "../../test/harness/stores.ts";

testOnPostgres();

await import("./rebuild-restored.test.ts");
