"""What S3 has to grant before a job starts: credentials, buckets. Each is tried."""

from apache_beam.options.pipeline_options import PipelineOptions

from indexed_imagenet.errors import UserError
from indexed_imagenet.text import error_text
from indexed_imagenet.transforms.storage.base import split_url
from indexed_imagenet.transforms.storage.beam import http_status
from indexed_imagenet.transforms.storage.s3 import s3_client


def check_bucket(options: PipelineOptions, flag: str, url: str) -> None:
    """Checks that a bucket exists and that there are credentials for it.

    Args:
      options: not used; S3's client takes them from Beam's file systems.
      flag: what gives the URL.
      url: of something in the bucket.

    Raises:
      UserError: there are no credentials, no such bucket, or no answer.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        PartialCredentialsError,
    )

    bucket, _ = split_url(url)
    try:
        s3_client().head_bucket(Bucket=bucket)
    except ClientError as error:
        # Objects may be usable where the bucket itself may not be looked at.
        if http_status(error) == 404:
            raise UserError(
                f'{flag} {url}: there is no bucket s3://{bucket}; make it with `aws s3 '
                f'mb s3://{bucket}`, or name another'
            ) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise UserError(
            f'no credentials for S3: {error_text(error)}; run `aws configure`, or set '
            'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'
        ) from error
    except BotoCoreError as error:
        raise UserError(
            f'{flag} {url} cannot be reached: {error_text(error)}; check the name, the '
            'network and --s3_endpoint_url'
        ) from error
