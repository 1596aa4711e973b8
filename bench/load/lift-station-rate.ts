// Preloaded into the roles of a cluster under load (`node --import`), for the reason that settings.ts gives.
import { liftStationRate } from "./settings.ts";

liftStationRate();
