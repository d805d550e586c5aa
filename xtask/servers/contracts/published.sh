#!/bin/sh
# Fetches what GitHub, AWS and Google publish of their APIs, from the packages that they ship it in,
# into FOLDER:
#
#   published.sh FOLDER
#   DATAPULSE_TEST_PUBLISHED=FOLDER cargo test -p integrations --all-features --lib run:: -- --ignored
#
# GitHub's OpenAPI description is MIT (npm @octokit/openapi), AWS's service models (PyPI botocore) and
# Google's discovery documents (PyPI google-api-python-client) are Apache-2.0.
set -eu

folder=${1:?says where the files go}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm pack --silent @octokit/openapi@23.0.2 > /dev/null
tar xzf octokit-openapi-*.tgz package/generated/api.github.com.json
mv package/generated/api.github.com.json "$folder/github.json"

pip download --quiet --no-deps botocore==1.44.8 google-api-python-client==2.202.0
python3 - "$folder" << 'END'
import glob, gzip, sys, zipfile

folder = sys.argv[1]
aws = {"ecs": "2014-11-13", "autoscaling": "2011-01-01", "lambda": "2015-03-31"}
with zipfile.ZipFile(glob.glob("botocore-*.whl")[0]) as wheel:
    for name, version in aws.items():
        packed = wheel.read(f"botocore/data/{name}/{version}/service-2.json.gz")
        with open(f"{folder}/{name}.json", "wb") as out:
            out.write(gzip.decompress(packed))
with zipfile.ZipFile(glob.glob("google_api_python_client-*.whl")[0]) as wheel:
    with open(f"{folder}/run.json", "wb") as out:
        out.write(wheel.read("googleapiclient/discovery_cache/documents/run.v2.json"))
END
ls "$folder"
