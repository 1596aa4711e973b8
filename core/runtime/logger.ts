// The only file that names pino. A line per frame costs 2-3 µs: never at the default level.
import { pino, type Logger as PinoLogger } from "pino";

export type Logger = PinoLogger;

/** @param destination file descriptor; logs go to standard error so that standard output stays the command's. */
export function createLogger(role: string, level: string, destination = 2): Logger {
  return pino({ level, base: { role } }, pino.destination({ dest: destination, sync: false }));
}

/** For tests. */
export function silentLogger(): Logger {
  return pino({ level: "silent" });
}
