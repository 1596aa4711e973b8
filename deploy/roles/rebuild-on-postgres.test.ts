// The tests of a rebuild once more, with PostgreSQL for their Store.
import { testOnPostgres } from "../../test/harness/stores.ts";

testOnPostgres();

await import("./rebuild.test.ts");
