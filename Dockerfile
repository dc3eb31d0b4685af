# JupyterLab with the course. The servers come from docker-compose.yml, or from the bundled wheels if no address is given.
FROM python:3.11.13-slim-bookworm

RUN apt-get update \
 && apt-get install -y --no-install-recommends bubblewrap fonts-dejavu-core make \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 learner

WORKDIR /home/learner/backend-mentor
RUN chown learner:learner .
USER learner
ENV PATH=/home/learner/backend-mentor/.venv/bin:$PATH \
    GRADER_ROOT=/home/learner/backend-mentor \
    GRADER_HOME=/home/learner/state

COPY --chown=learner:learner requirements.lock ./
RUN python -m venv .venv \
 && python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

COPY --chown=learner:learner pyproject.toml README.md LICENSE nbgrader_config.py ./
COPY --chown=learner:learner grader ./grader
COPY --chown=learner:learner notebooks ./notebooks
COPY --chown=learner:learner labs ./labs
COPY --chown=learner:learner solutions ./solutions
RUN python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation -e . \
 && mkdir -p /home/learner/state work

EXPOSE 8888
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8888/api', timeout=4)"]
# 0.0.0.0 is the container's own interface; docker-compose.yml publishes it on the host's 127.0.0.1 alone.
CMD ["grader", "lab", "--no-browser", "--ip=0.0.0.0", "--port=8888"]
