// The tests of the engine once more, with PostgreSQL for their Store: position, state and events move together there too.
import { openTestStore, testOnPostgres } from "../test/harness/stores.ts";
import { storesUnderTest } from "./folding.test-helper.ts";

testOnPostgres();
storesUnderTest.open = openTestStore;

await import("./engine-property.test.ts");
await import("./processor.test.ts");
