// The api role: REST, live events, console and documentation on one port.
import cookie from "@fastify/cookie";
import swagger from "@fastify/swagger";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import { fastify, LogController, type FastifyInstance } from "fastify";

import { limits } from "../../core/config/limits.ts";
import { messageOf, WattlogError } from "../../core/runtime/errors.ts";
import type { Logger } from "../../core/runtime/logger.ts";
import type { Readiness, Service } from "../../core/runtime/service.ts";
import { statusCodes } from "../ocpi/envelope.ts";
import { sendAnswer } from "../ocpi/frame.ts";
import { installOcpi } from "../ocpi/ocpi.ts";
import { createServices } from "../ocpi/services.ts";
import { installOpenData } from "../open-data/open-data.ts";
import { CdrNumbering } from "./cdr-numbering.ts";
import { CertificateSigner } from "./certificate-signer.ts";
import { CommandSender } from "./command-sender.ts";
import { CommandWaiters } from "./command-waiters.ts";
import type { ApiOptions } from "./context.ts";
import { CostTeller } from "./cost-teller.ts";
import { FrameWriter } from "./frame-writer.ts";
import { installDeadline, installGuard, installHeaders, securityHeaders } from "./guard.ts";
import { HttpsDoor } from "./https-door.ts";
import { LiveFeed } from "./live-feed.ts";
import { Credentials } from "./principal.ts";
import { installPrivacy, Privacy } from "./privacy.ts";
import { handleError, Problem, sendProblem } from "./problems.ts";
import { installCdrLedger } from "./routes-cdr-ledger.ts";
import { installCdrReviews } from "./routes-cdr-reviews.ts";
import { installCommands } from "./routes-commands.ts";
import { installConfigurationChanges } from "./routes-configuration-changes.ts";
import { installConfigurationRead } from "./routes-configuration-read.ts";
import { installConfiguration } from "./routes-configuration.ts";
import { installDocuments } from "./routes-documents.ts";
import { installExplain } from "./routes-explain.ts";
import { installFrames } from "./routes-frames.ts";
import { LocalListKeeper } from "./local-list-keeper.ts";
import { LocalListSync } from "./local-list-sync.ts";
import { installHealth } from "./routes-health.ts";
import { installHealthRates } from "./routes-health-rates.ts";
import { installHealthExclusions } from "./routes-health-exclusions.ts";
import { installLocalList } from "./routes-local-list.ts";
import { installLive, LiveClients } from "./routes-live.ts";
import { installPages } from "./routes-pages.ts";
import { installPartners } from "./routes-partners.ts";
import { installPrice } from "./routes-price.ts";
import { installErasures } from "./routes-privacy.ts";
import { installQuarantine } from "./routes-quarantine.ts";
import { installRegistry } from "./routes-registry.ts";
import { installSessions } from "./routes-sessions.ts";
import { installApiKeys, installSettings } from "./routes-settings.ts";
import { installStations } from "./routes-stations.ts";
import { installStatus } from "./routes-status.ts";
import { installUploads } from "./routes-uploads.ts";
import { Uploads } from "./uploads.ts";

export interface Api extends Service {
  /** The port that it listens on, also where 0 was asked for. */
  port(): number;
  readiness(): Readiness;
  /** undefined: no certificate was given, and there is no HTTPS port. */
  httpsPort(): number | undefined;
  /** One-time; `/sign-in?code=…` turns it into the console's cookie. */
  signInCode(): string;
  /** For further routes on the same port (OCPI) before the start, and for tests. */
  readonly app: FastifyInstance;
}

export function createApi(options: ApiOptions): Api {
  return new HttpApi(options);
}

class HttpApi implements Api {
  readonly name = "api";
  readonly app: FastifyInstance;
  private readonly context: ApiOptions;
  private readonly credentials: Credentials;
  private readonly feed: LiveFeed;
  private readonly clients = new LiveClients();
  private readonly waiters = new CommandWaiters();
  private readonly signer: CertificateSigner | undefined;
  private readonly listKeeper: LocalListKeeper;
  private readonly costs: CostTeller | undefined;
  private readonly numbering: CdrNumbering;
  private door: HttpsDoor | undefined;
  private listening = false;
  private draining: Promise<void> | undefined;

  constructor(context: ApiOptions) {
    this.context = context;
    const { registry, clock, adminToken, options, certificateAuthority } = context;
    this.credentials = new Credentials({ adminToken, party: options.party, registry, clock });
    this.feed = new LiveFeed(context);
    this.app = buildApp(context);
    const writer = new FrameWriter(context);
    const sender = new CommandSender(context, writer, this.waiters);
    const uploads = new Uploads(context);
    const ocpi = createServices(context, sender);
    ocpi.partners.listeningOn = () => this.port();
    this.signer = certificateAuthority && new CertificateSigner(context, certificateAuthority, sender);
    const lists = new LocalListSync();
    this.listKeeper = new LocalListKeeper(context, sender, lists);
    const { runningPrices } = context;
    this.costs = runningPrices && new CostTeller(context, runningPrices, sender);
    this.numbering = new CdrNumbering(context, ocpi.watermark);
    const privacy = new Privacy(context);
    // Inside `register`, so that the plugins before it have seen the route hooks.
    void this.app.register((app, _options, done) => {
      installGuard(app, this.credentials, context.metrics);
      installPrivacy(app, privacy);
      installStations(app, context);
      installDocuments(app, context);
      installCommands(app, context, sender, uploads);
      installUploads(app, context, uploads);
      installConfiguration(app, context);
      installConfigurationRead(app, context, sender);
      installConfigurationChanges(app, context, sender);
      installLocalList(app, context, sender, lists);
      installSessions(app, context, privacy);
      installCdrReviews(app, context, writer);
      installCdrLedger(app, context, ocpi.watermark, privacy);
      installHealth(app, context, ocpi.watermark);
      installHealthExclusions(app, context);
      installHealthRates(app, context, ocpi.watermark);
      installExplain(app, context, privacy);
      installFrames(app, context);
      installRegistry(app, context, privacy);
      installPrice(app, context);
      installErasures(app, context);
      installSettings(app, context);
      installApiKeys(app, context);
      installQuarantine(app, context, writer);
      installStatus(app, context);
      installLive(app, context, this.feed, this.clients, this.credentials, privacy);
      installPages(app, context, this.credentials);
      installPartners(app, context, ocpi);
      done();
    });
    installOcpi(this.app, context, ocpi);
    installOpenData(this.app, context);
  }

  async start(): Promise<void> {
    await this.waiters.start(this.context);
    this.feed.start();
    const { options, https } = this.context;
    const { host, port } = options;
    await listenOn(port, "WATTLOG_HTTP_PORT", () => this.app.listen({ host, port }));
    if (https) {
      this.door = new HttpsDoor(this.app, https, this.context);
      const { door } = this;
      await listenOn(https.port, "WATTLOG_HTTPS_PORT", () => door.listen(host, https.port));
    }
    this.listening = true;
    this.signer?.start();
    this.listKeeper.start();
    this.costs?.start();
    this.numbering.start();
  }

  port(): number {
    const address = this.app.server.address();
    return typeof address === "object" && address ? address.port : this.context.options.port;
  }

  httpsPort(): number | undefined {
    return this.door?.port();
  }

  readiness(): Readiness {
    const problem = this.draining ? "it is stopping" : this.listening ? undefined : "it does not listen yet";
    return { name: this.name, problem };
  }

  signInCode(): string {
    return this.credentials.signInCode();
  }

  drain(): Promise<void> {
    this.draining ??= this.close();
    return this.draining;
  }

  stop(): Promise<void> {
    return this.drain();
  }

  private async close(): Promise<void> {
    // Streams never end by themselves; without them the requests in hand are finished before the port closes.
    this.clients.closeAll();
    this.feed.stop();
    await this.signer?.stop();
    await this.listKeeper.stop();
    await this.costs?.stop();
    await this.numbering.stop();
    await this.door?.close();
    await this.app.close();
    await this.waiters.stop();
    this.listening = false;
  }
}

/** @throws WattlogError `start/port-in-use` */
async function listenOn(port: number, setting: string, listen: () => Promise<unknown>): Promise<void> {
  try {
    await listen();
  } catch (error) {
    const inUse = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
    if (!inUse) throw error;
    const sentence = `Port ${port} is taken: set ${setting} to a free one. ${messageOf(error)}`;
    throw new WattlogError("start/port-in-use", sentence, { cause: error });
  }
}

/** Where it listens is said by whoever starts it; fastify's own line about it is for debugging. */
function quieter(logger: Logger): Logger {
  return logger.level === "info" ? logger.child({}, { level: "warn" }) : logger;
}

function buildApp(context: ApiOptions): FastifyInstance {
  const app = fastify({
    loggerInstance: quieter(context.logger),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.apiBodyBytes,
    // Slow senders of headers and bodies are cut off; those of other bodies than uploads sooner, see guard.ts.
    requestTimeout: limits.uploadMs,
    forceCloseConnections: "idle",
    return503OnClosing: true,
    // An address that cannot be decoded, or with a part that is too long, comes past every hook and handler.
    frameworkErrors: (_error, request, reply) => {
      void reply.headers(securityHeaders);
      if (request.url.startsWith("/ocpi")) {
        sendAnswer(reply, context, {
          http: 400,
          status: statusCodes.invalidParameters,
          message: "The address cannot be decoded.",
        });
        return;
      }
      sendProblem(reply, new Problem("bad-request", "The address cannot be decoded, or a part of it is too long."));
    },
    routerOptions: { maxParamLength: 300 },
  }) as unknown as FastifyInstance;
  // A form of another site can send text/plain without asking first; nothing here is ever sent so.
  app.removeContentTypeParser("text/plain");
  installHeaders(app);
  app.server.headersTimeout = limits.apiRequestMs;
  installDeadline(app);
  void app.register(cookie);
  void app.register(swagger, { openapi: openapiHead(context) });
  installValidation(app);
  app.setErrorHandler(handleError);
  app.setNotFoundHandler((request, reply) => {
    void sendProblem(
      reply,
      new Problem("not-found", `${request.method} ${request.url.slice(0, 200)} is not a route; /api/docs lists them.`),
    );
  });
  return app;
}

/** Bodies are taken as they are: no value is turned into another type, no field is dropped or added. */
function installValidation(app: FastifyInstance): void {
  const body = addFormats.default(new Ajv({ strict: false, allErrors: false }));
  const others = addFormats.default(new Ajv({ strict: false, coerceTypes: "array", useDefaults: true }));
  app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === "body" ? body : others).compile(schema));
  // Response schemas are documentation; what is sent is what the handler returned.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
}

function openapiHead({ options }: ApiOptions) {
  return {
    openapi: "3.1.0",
    info: {
      title: "wattlog",
      version: options.version ?? "1",
      description:
        "Charging stations, sessions, commands. Send `Authorization: Bearer <token>`; the console's cookie works as well. " +
        "Lists answer `{items, nextCursor?}`. Times are RFC 3339 UTC, energy is in Wh, money is `{amount, currency}`. " +
        "Errors are problem documents (RFC 9457) whose `detail` says what to do.",
    },
    components: { securitySchemes: { token: { type: "http" as const, scheme: "bearer" } } },
    security: [{ token: [] as string[] }],
  };
}
