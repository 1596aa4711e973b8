import { runAll } from "../roles/all.ts";
import { WrongUse, type Run } from "./command.ts";

export const runAllCommand: Run = ({ settings }) => {
  if (settings.kafkaBrokers !== "") {
    throw new WrongUse(
      "KAFKA_BROKERS is set and `wattlog all` is the mode without servers: run `wattlog gateway`, `processor`, `projector` and `api`, or unset it.",
    );
  }
  return runAll(settings);
};
