"""Images to grids of features, and grids to captions, inside the graph."""

from keras_seq.vision.captioner import Caption, Captioner
from keras_seq.vision.corpora import (
    CaptionCorpus,
    CaptionedImage,
    most_frequent_caption,
    read_captions,
)
from keras_seq.vision.grids import (
    CachedGrids,
    GridExtractor,
    cache_grids,
    grid_cache,
    grid_model,
)
from keras_seq.vision.image_files import readable_image
from keras_seq.vision.images import decode_image, decode_images, load_image, try_images
from keras_seq.vision.served_captions import (
    caption_card,
    caption_requests,
    caption_signatures,
)

__all__ = [
    "CachedGrids",
    "Caption",
    "CaptionCorpus",
    "CaptionedImage",
    "Captioner",
    "GridExtractor",
    "cache_grids",
    "caption_card",
    "caption_requests",
    "caption_signatures",
    "decode_image",
    "decode_images",
    "grid_cache",
    "grid_model",
    "load_image",
    "most_frequent_caption",
    "read_captions",
    "readable_image",
    "try_images",
]
