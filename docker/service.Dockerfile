# The service: web process, store, and the runners that measure and search, which are its child processes.
#   docker build -f docker/service.Dockerfile -t sparsearch-service .
ARG BASE=debian:12.13-slim
ARG VARIANT=cpu

# The same steps as `make setup`, from the same lock file. Nothing of this stage but the finished environment is kept.
FROM ${BASE} AS build
ARG VARIANT
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential ca-certificates python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/sparsearch/app
ENV SPARSEARCH_CACHE=/opt/sparsearch/cache SPARSEARCH_VARIANT=${VARIANT}
# the code comes later: it changes often, and compiling mmcv-full takes minutes
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY scripts/ scripts/
RUN python3 -m scripts.setup_env

FROM ${BASE}
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libgomp1 python3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 sparsearch \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/sparsearch --shell /usr/sbin/nologin sparsearch \
    && install -d -o sparsearch -g sparsearch -m 0750 /var/lib/sparsearch
WORKDIR /opt/sparsearch/app
COPY --from=build /opt/sparsearch/cache/envs /opt/sparsearch/cache/envs
COPY --from=build /opt/sparsearch/app/.venv .venv
COPY pyproject.toml README.md LICENSE ./
COPY models/ models/
COPY latency/ latency/
COPY search/ search/
COPY api/ api/
COPY samples/ samples/
COPY sparsearch/ sparsearch/
COPY configs/ configs/
COPY --chmod=0555 docker/entrypoint.sh /usr/local/bin/sparsearch-entrypoint
ENV PATH=/opt/sparsearch/app/.venv/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/var/lib/sparsearch \
    SPARSEARCH_HOME=/var/lib/sparsearch \
    SPARSEARCH_HOST=0.0.0.0 \
    SPARSEARCH_PORT=8777 \
    PYTHONDONTWRITEBYTECODE=1 \
    RAY_USAGE_STATS_ENABLED=0
USER 10001:10001
VOLUME /var/lib/sparsearch
EXPOSE 8777
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8777/healthz', timeout=3)"]
ENTRYPOINT ["sparsearch-entrypoint"]
CMD ["sparsearch", "serve"]
