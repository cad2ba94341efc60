"""What this package makes known by name; nothing is imported until it is asked for."""

from __future__ import annotations

from facula.plugins import Registrar, hookimpl

requires_api = ">=1.0,<2"


@hookimpl
def facula_register_models(registry: Registrar) -> None:
    registry.add("gpt", "facula_text.models.gpt:gpt", tags=("text", "generation"))
    registry.add("gpt2", "facula_text.models.gpt:gpt2", tags=("text", "generation"))
    registry.add("llama", "facula_text.models.llama:llama", tags=("text", "generation"))
    registry.add("bert", "facula_text.models.bert:bert", tags=("text", "embedding"))
    registry.add("recurrent_lm", "facula_text.models.recurrent:recurrent_lm", tags=("text", "generation"))
    registry.add("seq2seq", "facula_text.models.recurrent:seq2seq", tags=("text", "translation"))
    registry.add("t5", "facula_text.models.t5:t5", tags=("text", "translation"))
    registry.add("t5_small", "facula_text.models.t5:t5_small", tags=("text", "translation"))
    registry.add("fasttext", "facula_text.models.fasttext:fasttext", tags=("text", "classification"))


@hookimpl
def facula_register_datasets(registry: Registrar) -> None:
    registry.add("characters", "facula_text.datasets.blocks:CharDataset", tags=("text",))
    registry.add("tokens", "facula_text.datasets.blocks:TokenDataset", tags=("text",))
    registry.add("sonnets", "facula_text.datasets.sonnets:Sonnets", tags=("text",))
    registry.add("mapped_tokens", "facula_text.datasets.mapped:MappedTokens", tags=("text",))
    registry.add("text_lines", "facula_text.datasets.readers:TextLines", tags=("text",))
    registry.add("json_lines", "facula_text.datasets.readers:JsonLines", tags=("text",))
    registry.add("csv_rows", "facula_text.datasets.readers:CsvRows", tags=("text", "classification"))
    registry.add("conll_tags", "facula_text.datasets.readers:ConllTags", tags=("text", "tagging"))
    registry.add("labelled_files", "facula_text.datasets.readers:LabelledFiles", tags=("text", "classification"))
    registry.add("parallel_lines", "facula_text.datasets.readers:ParallelLines", tags=("text", "translation"))
    registry.add("squad_questions", "facula_text.datasets.readers:SquadQuestions", tags=("text", "answers"))
    registry.add("ag_news", "facula_text.datasets.named:AG_NEWS", tags=("text", "classification"))
    registry.add("imdb", "facula_text.datasets.named:IMDB", tags=("text", "classification"))
    registry.add("sst2", "facula_text.datasets.named:SST2", tags=("text", "classification"))
    registry.add(
        "yelp_review_polarity", "facula_text.datasets.named:YelpReviewPolarity", tags=("text", "classification")
    )
    registry.add("yelp_review_full", "facula_text.datasets.named:YelpReviewFull", tags=("text", "classification"))
    registry.add("dbpedia", "facula_text.datasets.named:DBpedia", tags=("text", "classification"))
    registry.add("wikitext2", "facula_text.datasets.named:WikiText2", tags=("text", "generation"))
    registry.add("wikitext103", "facula_text.datasets.named:WikiText103", tags=("text", "generation"))
    registry.add("penn_treebank", "facula_text.datasets.named:PennTreebank", tags=("text", "generation"))
    registry.add("multi30k", "facula_text.datasets.named:Multi30k", tags=("text", "translation"))
    registry.add("conll2000_chunking", "facula_text.datasets.named:CoNLL2000Chunking", tags=("text", "tagging"))
    registry.add("squad1", "facula_text.datasets.named:SQuAD1", tags=("text", "answers"))
    registry.add("squad2", "facula_text.datasets.named:SQuAD2", tags=("text", "answers"))
