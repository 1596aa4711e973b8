# One image for every role: `docker run wattlog gateway`, `… processor`, `… api`; `… --help` lists them.
# The base by digest, where builds must be repeatable: --build-arg NODE_IMAGE=node:24-trixie-slim@sha256:…
ARG NODE_IMAGE=node:24-trixie-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /wattlog
COPY package.json package-lock.json .npmrc ./
# The parts list is of what is installed: asked to leave out what is for development, npm also leaves out what is for both.
# No package's script runs, nor our own: what it makes is made below, once the source is here. The base brings Node, so
# the one that comes as a package goes, as do the addons for other systems.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
    && npm pkg delete devDependencies \
    && npm sbom --sbom-format=cyclonedx > sbom.cdx.json \
    && rm -rf node_modules/node-linux-* node_modules/.bin/node \
    && find node_modules/uWebSockets.js -name '*.node' \
      ! -name "uws_linux_$(node -p process.arch)_$(node -p process.versions.modules).node" -delete
COPY core core
COPY gateway gateway
COPY processors processors
COPY projections projections
COPY deploy deploy
COPY bench bench
COPY tools tools
# Validators and the addon's check, so that a start finds all of it and writes nothing; a command shows that it loads.
RUN node tools/prepare.ts && node deploy/cli/wattlog.mjs config > /dev/null

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="wattlog" \
      org.opencontainers.image.description="Event-sourced OCPP gateway cluster; one image for all roles" \
      org.opencontainers.image.licenses="Apache-2.0"
# Nothing is installed at run time. /data is for `wattlog all`, which keeps its log and state there; roles keep nothing.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn* \
    && mkdir /data && chown 65532:65532 /data
WORKDIR /wattlog
COPY --from=build /wattlog /wattlog
ENV NODE_ENV=production WATTLOG_DATA_DIR=/data
# By number: Kubernetes cannot tell of a name whether it is root.
USER 65532:65532
EXPOSE 9000 8080 8443 9464
ENTRYPOINT ["node", "/wattlog/deploy/cli/wattlog.mjs"]
CMD ["--help"]
