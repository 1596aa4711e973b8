// The test of the first log once more, with PostgreSQL for its Store.
import { testOnPostgres } from "../harness/stores.ts";

testOnPostgres();

await import("./first-log.test.ts");
