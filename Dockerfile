# mammo_plugins with PyTorch, in a container:
#     docker build --tag mammo_plugins .
#     docker run --rm --gpus all --ipc host --user "$(id -u):$(id -g)" \
#         --volume "$PWD:/work" mammo_plugins train CONFIG
# What follows the image's name is a command of mammo.
FROM python:3.12-slim

# opencv-python draws windows too, and loads libGL whether it does or not
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

# PyTorch apart: it is large, and the layer stays when the package changes
RUN python -m pip install --no-cache-dir torch torchvision

COPY . /opt/mammo_plugins
RUN python -m pip install --no-cache-dir /opt/mammo_plugins \
    && rm -rf /opt/mammo_plugins

# any user may run it: what libraries keep in a home folder goes where all may write
ENV HOME=/tmp
WORKDIR /work
ENTRYPOINT ["mammo"]
CMD ["--help"]
