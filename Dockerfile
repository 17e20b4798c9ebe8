# syntax=docker/dockerfile:1
ARG PYTHON=python:3.11-slim

FROM ${PYTHON} AS build
WORKDIR /app
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
# The dependencies are a layer of their own: a change of code does not install them again.
COPY requirements.lock ./
RUN /opt/venv/bin/pip install --require-hashes --requirement requirements.lock
COPY . .
# As a wheel, which carries templates, translations and migrations: the image needs no source tree.
RUN /opt/venv/bin/pip install --no-deps --no-build-isolation . \
    && /opt/venv/bin/pip uninstall --yes setuptools pip

FROM ${PYTHON}
RUN groupadd --system --gid 10001 idp \
    && useradd --system --uid 10001 --gid idp --home-dir /data --shell /usr/sbin/nologin idp \
    && install --directory --owner=idp --group=idp --mode=0700 /data /app/keys
# keys/ and idp.toml are looked for here.
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
# Without another database the provider keeps one in /data: mount a volume there.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    IDP_DATABASE_URL=sqlite:////data/idp.db
# By number, so that an orchestrator can check that it is not root.
USER 10001:10001
VOLUME /data
EXPOSE 8000
# Every route is below the issuer's path.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.parse, urllib.request; urllib.request.urlopen('http://127.0.0.1:8000' + urllib.parse.urlsplit(os.environ.get('IDP_ISSUER', '')).path + '/health', timeout=4)"]
# Migrations are a command of their own, run once before the new version serves: idp migrate
CMD ["idp", "serve", "--host", "0.0.0.0", "--port", "8000"]
