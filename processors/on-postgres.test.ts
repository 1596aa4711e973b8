// The tests of the engine once more, with PostgreSQL for their Store: position, state and events move together there too.
import { testOnPostgres } from "../test/harness/stores.ts";

testOnPostgres();

await import("./engine-property.test.ts");
await import("./processor.test.ts");
await import("./zombie.test.ts");
