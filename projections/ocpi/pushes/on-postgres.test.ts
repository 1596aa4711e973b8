// The tests of pushes once more, with PostgreSQL for their Store.
import { testOnPostgres } from "../../../test/harness/stores.ts";

testOnPostgres();

await import("./pushes.test.ts");
