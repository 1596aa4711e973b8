import { runSimulate } from "../../bench/fleet/simulate.ts";
import type { Run } from "./command.ts";

export const runSimulateCommand: Run = ({ argv }) => runSimulate(argv);
