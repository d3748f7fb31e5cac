# A node of the Ray cluster: its processes evaluate plans, and keep nothing.
#   docker build -f docker/worker.Dockerfile -t sparsearch-worker .
# Up to the code it is the service image, layer by layer: Ray sends objects of our classes between the two, so that both
# must have the same packages at the same paths.
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
# the state of the service is at most read here
ENV PATH=/opt/sparsearch/app/.venv/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    SPARSEARCH_HOME=/var/lib/sparsearch \
    PYTHONDONTWRITEBYTECODE=1 \
    RAY_USAGE_STATS_ENABLED=0 \
    RAY_ADDRESS=ray-head:6379
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=20s --start-period=60s --retries=3 \
    CMD ["sh", "-c", "exec ray status --address=\"$RAY_ADDRESS\""]
CMD ["sh", "-c", "exec ray start --address=\"$RAY_ADDRESS\" --disable-usage-stats --block"]
