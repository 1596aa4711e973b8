import { embeddedHarness } from "../../test/harness/embedded-log.ts";
import { eventLogContract } from "./log.contract.ts";

eventLogContract("the embedded log", embeddedHarness);
