"""Makes a bucket with versions, and puts the sample invoices into it.

usage: bucket.py ENDPOINT BUCKET FOLDER
"""

import pathlib
import sys

import boto3

endpoint, bucket, folder = sys.argv[1:4]
s3 = boto3.client("s3", endpoint_url=endpoint)
s3.create_bucket(Bucket=bucket)
s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
for picture in sorted(pathlib.Path(folder).iterdir()):
    if picture.suffix in (".jpg", ".png", ".bmp"):
        s3.put_object(Bucket=bucket, Key=f"samples/{picture.name}", Body=picture.read_bytes())
        print(f"s3://{bucket}/samples/{picture.name}")
